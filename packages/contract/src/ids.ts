/**
 * Ids: UUIDv7 (RFC 9562), 16 bytes, time-ordered, spelled `<prefix>_<26 characters of Crockford base 32, lower case>`.
 * One branded type per noun, so that a run id cannot be passed where a model version id is expected.
 * Compat folders translate the spelling (32 hex digits, dashed); a second id is never kept.
 */
import { SlipwayError } from './errors.ts';

export const idPrefixes = {
  dataset: 'dst',
  datasetVersion: 'dsv',
  validation: 'val',
  featureSet: 'fts',
  experiment: 'exp',
  run: 'run',
  view: 'vew',
  loggedModel: 'lmd',
  model: 'mdl',
  modelVersion: 'mdv',
  gate: 'gat',
  approval: 'apr',
  pipeline: 'ppl',
  pipelineRun: 'plr',
  stepRun: 'stp',
  endpoint: 'edp',
  deployment: 'dep',
  rollout: 'rol',
  prediction: 'prd',
  monitor: 'mon',
  monitorWindow: 'win',
  alert: 'alt',
  silence: 'sil',
  policy: 'pol',
  project: 'prj',
  apply: 'apl',
  token: 'tok',
  event: 'evt',
  incident: 'inc',
} as const;

export type IdNoun = keyof typeof idPrefixes;
export type Id<N extends IdNoun> = string & { readonly __noun?: N };
export type DatasetId = Id<'dataset'>;
export type DatasetVersionId = Id<'datasetVersion'>;
export type RunId = Id<'run'>;
export type ModelVersionId = Id<'modelVersion'>;
export type PredictionId = Id<'prediction'>;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
/** ASCII codes of the digits. */
const codes = Uint8Array.from(alphabet, (digit) => digit.charCodeAt(0));
/** The value of each ASCII character as a digit; 255 for all others. */
const digitValues = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code));
  return value < 0 ? 255 : value;
});
const digitCount = 26;

/**
 * Spells 16 bytes as 26 base-32 characters, most significant first, so that text order is time order. The first byte is two
 * digits, and each five bytes after it are eight. Every prediction has an id: all characters go into one call, because text
 * that is joined from parts would be copied once more by whoever reads it.
 */
export function spellId(noun: IdNoun, bytes: Uint8Array, offset = 0): string {
  const prefix = idPrefixes[noun];
  const first = bytes[offset] ?? 0;
  const [a, b] = [highTwenty(bytes, offset + 1), lowTwenty(bytes, offset + 1)];
  const [c, d] = [highTwenty(bytes, offset + 6), lowTwenty(bytes, offset + 6)];
  const [e, f] = [highTwenty(bytes, offset + 11), lowTwenty(bytes, offset + 11)];
  // prettier-ignore
  return String.fromCharCode(
    prefix.charCodeAt(0), prefix.charCodeAt(1), prefix.charCodeAt(2), underscore, codeOf(first >> 5), codeOf(first),
    codeOf(a >> 15), codeOf(a >> 10), codeOf(a >> 5), codeOf(a), codeOf(b >> 15), codeOf(b >> 10), codeOf(b >> 5), codeOf(b),
    codeOf(c >> 15), codeOf(c >> 10), codeOf(c >> 5), codeOf(c), codeOf(d >> 15), codeOf(d >> 10), codeOf(d >> 5), codeOf(d),
    codeOf(e >> 15), codeOf(e >> 10), codeOf(e >> 5), codeOf(e), codeOf(f >> 15), codeOf(f >> 10), codeOf(f >> 5), codeOf(f),
  );
}

const underscore = 95;
const codeOf = (digit: number): number => codes[digit & 31] ?? 0;

/** The first four of the eight digits that five bytes make, and the last four. */
const highTwenty = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 12) | ((bytes[at + 1] ?? 0) << 4) | ((bytes[at + 2] ?? 0) >> 4);
const lowTwenty = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);

/** Writes the 16 bytes of an id in our spelling. Throws `id_invalid` when it is not one of this noun. */
export function writeIdBytes(noun: IdNoun, id: string, to: Uint8Array, offset = 0): void {
  const start = idPrefixes[noun].length + 1;
  const [high, low] = [digitAt(id, start), digitAt(id, start + 1)];
  // Two digits have ten bits, and the first byte has room for eight.
  let isOurs = isId(noun, id) && high < 8 && low < 32;
  to[offset] = (high << 5) | low;
  for (let group = 0; isOurs && group < 3; group++) {
    const bits = fortyBits(id, start + 2 + 8 * group);
    const at = offset + 1 + 5 * group;
    const upper = Math.floor(bits / 0x10_0000);
    isOurs = bits >= 0;
    to[at] = upper >> 12;
    to[at + 1] = upper >> 4;
    to[at + 2] = (upper << 4) | ((bits >>> 16) & 15);
    to[at + 3] = bits >>> 8;
    to[at + 4] = bits;
  }
  if (!isOurs) {
    const example = `${idPrefixes[noun]}_01k9zv3m5qf8s7c2x4a6b8d0eg`;
    throw new SlipwayError('id_invalid', { noun, value: id, example });
  }
}

const digitAt = (text: string, at: number): number => digitValues[text.charCodeAt(at)] ?? 255;

/** Eight digits as one number; negative where one is no digit. */
function fortyBits(text: string, at: number): number {
  const [a, b, c, d] = [digitAt(text, at), digitAt(text, at + 1), digitAt(text, at + 2), digitAt(text, at + 3)];
  const [e, f, g, h] = [digitAt(text, at + 4), digitAt(text, at + 5), digitAt(text, at + 6), digitAt(text, at + 7)];
  if ((a | b | c | d | e | f | g | h) >= 32) return -1;
  return ((a << 15) | (b << 10) | (c << 5) | d) * 0x10_0000 + ((e << 15) | (f << 10) | (g << 5) | h);
}

/** The 32 hex digits of an id in our spelling. Throws `id_invalid` when it is not one of this noun. */
export function idToHex(noun: IdNoun, id: string): string {
  const bytes = Buffer.alloc(16);
  writeIdBytes(noun, id, bytes);
  return bytes.toString('hex');
}

/** Our spelling of 32 hex digits (dashes allowed). */
export function idFromHex(noun: IdNoun, hex: string): string {
  const plain = hex.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(plain))
    throw new SlipwayError('id_invalid', { noun, value: hex, example: '0198f3c2…, 32 hex digits' });
  return spellId(noun, Buffer.from(plain, 'hex'));
}

export function isId(noun: IdNoun, value: string): boolean {
  return value.startsWith(`${idPrefixes[noun]}_`) && value.length === idPrefixes[noun].length + 1 + digitCount;
}
