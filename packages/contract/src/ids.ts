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
/** Two digits for each value of 10 bits: a spelling is 13 of them (128 bits behind two zeros). */
const digitPairs: readonly string[] = Array.from(
  { length: 1024 },
  (_, n) => alphabet.charAt(n >> 5) + alphabet.charAt(n & 31),
);
/** The value of each ASCII character as a digit; 255 for all others. */
const digitValues = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code));
  return value < 0 ? 255 : value;
});
const idBytes = 16;
const digitCount = 26;

/** Spells 16 bytes as 26 base-32 characters, most significant first, so that text order is time order. */
export function spellId(noun: IdNoun, bytes: Uint8Array, offset = 0): string {
  let text = `${idPrefixes[noun]}_`;
  let waiting = 0;
  let waitingBits = 2;
  for (let i = offset; i < offset + idBytes; i++) {
    waiting = (waiting << 8) | (bytes[i] ?? 0);
    waitingBits += 8;
    if (waitingBits < 10) continue;
    waitingBits -= 10;
    text += digitPairs[waiting >> waitingBits] ?? '';
    waiting &= (1 << waitingBits) - 1;
  }
  return text;
}

/** Writes the 16 bytes of an id in our spelling. Throws `id_invalid` when it is not one of this noun. */
export function writeIdBytes(noun: IdNoun, id: string, to: Uint8Array, offset = 0): void {
  const start = idPrefixes[noun].length + 1;
  let isOurs = isId(noun, id);
  let waiting = 0;
  // The first digit has 5 bits and only 3 places: a value above 7 does not fit.
  let waitingBits = -2;
  let at = offset;
  for (let i = start; isOurs && i < start + digitCount; i++) {
    const value = digitValues[id.charCodeAt(i)] ?? 255;
    isOurs = value < (i === start ? 8 : 32);
    waiting = ((waiting << 5) | value) & 0xfff;
    waitingBits += 5;
    if (waitingBits < 8) continue;
    waitingBits -= 8;
    to[at++] = waiting >> waitingBits;
  }
  if (!isOurs) {
    const example = `${idPrefixes[noun]}_01k9zv3m5qf8s7c2x4a6b8d0eg`;
    throw new SlipwayError('id_invalid', { noun, value: id, example });
  }
}

/** The 32 hex digits of an id in our spelling. Throws `id_invalid` when it is not one of this noun. */
export function idToHex(noun: IdNoun, id: string): string {
  const bytes = Buffer.alloc(idBytes);
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
  return value.startsWith(`${idPrefixes[noun]}_`) && value.length === idPrefixes[noun].length + 27;
}
