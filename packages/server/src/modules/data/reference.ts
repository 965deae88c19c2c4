/** References to dataset versions as people write them: `flights`, `flights@3`, `flights@latest/2013-0*.parquet`, `flights@sha256:…`. */
import { namePattern, SlipwayError } from '@slipway/contract';

export type VersionWord = 'latest' | number | `sha256:${string}`;

export interface DatasetRef {
  readonly dataset: string;
  readonly version: VersionWord;
  /** A file name, or a pattern in which `*` stands for any characters. */
  readonly files: string | undefined;
}

/** Throws `dataset_ref_invalid` for what is not a version word. */
export function parseVersionWord(word: string, whole: string = word): VersionWord {
  if (word === 'latest') return word;
  if (/^[1-9][0-9]{0,8}$/.test(word)) return Number(word);
  if (/^sha256:[0-9a-f]{64}$/.test(word)) return `sha256:${word.slice('sha256:'.length)}`;
  throw new SlipwayError('dataset_ref_invalid', { value: whole, problem: `"${word}" is not a version` });
}

/** Throws `dataset_ref_invalid`. */
export function parseDatasetRef(text: string): DatasetRef {
  const bad = (problem: string): never => {
    throw new SlipwayError('dataset_ref_invalid', { value: text, problem });
  };
  const slash = text.indexOf('/');
  const head = slash < 0 ? text : text.slice(0, slash);
  const files = slash < 0 ? undefined : text.slice(slash + 1);
  if (files !== undefined && !/^[A-Za-z0-9._=*-]{1,255}$/.test(files)) bad(`"${files}" is not a file name or pattern`);
  const at = head.indexOf('@');
  const dataset = at < 0 ? head : head.slice(0, at);
  if (!namePattern.test(dataset)) bad(dataset === '' ? 'the name is empty' : `"${dataset}" is not a name`);
  return { dataset, version: at < 0 ? 'latest' : parseVersionWord(head.slice(at + 1), text), files };
}

/** Whether a file name fits a pattern. Linear in the length of the name times the number of stars. */
export function matchesPattern(name: string, pattern: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return name === pattern;
  const last = parts.at(-1) ?? '';
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, from);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    from = found + part.length;
  }
  return true;
}
