/**
 * FNV-1a, then the finish of MurmurHash3 (without it ids that are counted up share their highest bits, and a split in
 * halves is off by a sixth): 32 bits that are the same everywhere, so that a split can be recomputed.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
