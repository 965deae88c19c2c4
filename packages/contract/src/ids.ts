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
  loggedModel: 'lmd',
  model: 'mdl',
  modelVersion: 'mdv',
  gate: 'gat',
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
const digits = new Map([...alphabet].map((c, i) => [c, BigInt(i)]));

/** Spells 16 bytes as 26 base-32 characters, most significant first, so that text order is time order. */
export function spellId(noun: IdNoun, bytes: Uint8Array): string {
  let n = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = alphabet.charAt(Number(n & 31n)) + text;
    n >>= 5n;
  }
  return `${idPrefixes[noun]}_${text}`;
}

/** The 32 hex digits of an id in our spelling. Throws `id_invalid` when it is not one of this noun. */
export function idToHex(noun: IdNoun, id: string): string {
  const prefix = `${idPrefixes[noun]}_`;
  if (!id.startsWith(prefix) || !/^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(id.slice(prefix.length))) {
    throw new SlipwayError('id_invalid', { noun, value: id, example: `${prefix}01k9zv3m5qf8s7c2x4a6b8d0eg` });
  }
  let n = 0n;
  for (const c of id.slice(prefix.length)) n = (n << 5n) | (digits.get(c) ?? 0n);
  return n.toString(16).padStart(32, '0');
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
