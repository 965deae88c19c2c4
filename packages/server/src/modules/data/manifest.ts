/** What a dataset version is: named files with equal columns. Pure: digests, changes and comparisons of file lists and schemas. */
import type { ColumnSchema, DatasetDiff, DatasetFile, DatasetVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { digestOfJson } from '../../lib/digest.ts';

/** More would make each version's file list, which is stored anew, larger than most files. */
export const maxFilesPerVersion = 10_000;

export interface Manifest {
  readonly files: readonly DatasetFile[];
  readonly schema: readonly ColumnSchema[];
}

/** sha256 over the names and digests of the files and the columns with their types. Nullability follows from the bytes, so it is left out. */
export function manifestDigest(manifest: Manifest): string {
  return digestOfJson({
    noun: 'dataset-version',
    files: manifest.files.map(({ name, digest }) => [name, digest]),
    schema: manifest.schema.map(({ name, type }) => [name, type]),
  });
}

/** By code unit, which for the letters that file names may have is byte order. */
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** What keeps `added` from being read together with files of `schema`, in words; undefined when nothing does. */
export function schemaProblem(schema: readonly ColumnSchema[], added: readonly ColumnSchema[]): string | undefined {
  const found: string[] = [];
  for (const column of schema) {
    const other = added.find((c) => c.name === column.name);
    if (other === undefined) found.push(`column "${column.name}" (${column.type}) is missing`);
    else if (other.type !== column.type)
      found.push(`column "${column.name}" is ${other.type}, but ${column.type} in the other files`);
  }
  for (const column of added) {
    if (!schema.some((c) => c.name === column.name))
      found.push(`column "${column.name}" (${column.type}) is not in the other files`);
  }
  if (found.length === 0) return undefined;
  return found.length > 5 ? `${found.slice(0, 5).join('; ')}; and ${found.length - 5} more` : found.join('; ');
}

/** The manifest with this file added or replaced. Throws `schema_mismatch`, `dataset_too_many_files`. */
export function withFile(
  dataset: string,
  before: Manifest | undefined,
  added: { readonly file: DatasetFile; readonly schema: readonly ColumnSchema[] },
): Manifest {
  const others = (before?.files ?? []).filter((f) => f.name !== added.file.name);
  if (before === undefined || others.length === 0) return { files: [added.file], schema: added.schema };
  if (others.length >= maxFilesPerVersion) {
    throw new SlipwayError('dataset_too_many_files', { dataset, limit: maxFilesPerVersion });
  }
  const problem = schemaProblem(before.schema, added.schema);
  if (problem !== undefined) throw new SlipwayError('schema_mismatch', { dataset, file: added.file.name, problem });
  const schema = before.schema.map((c) => ({
    ...c,
    nullable: c.nullable || added.schema.some((a) => a.name === c.name && a.nullable),
  }));
  return { files: [...others, added.file].sort(byName), schema };
}

export function diffVersions(from: DatasetVersion, to: DatasetVersion): DatasetDiff {
  const files: DatasetDiff['files'] = [];
  const names = [...new Set([...from.files, ...to.files].map((f) => f.name))].sort();
  for (const name of names) {
    const a = from.files.find((f) => f.name === name);
    const b = to.files.find((f) => f.name === name);
    if (a?.digest === b?.digest) continue;
    const change = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
    files.push({ name, change, rowCountFrom: a?.rowCount ?? null, rowCountTo: b?.rowCount ?? null });
  }
  const columns: DatasetDiff['columns'] = [];
  for (const name of new Set([...from.schema, ...to.schema].map((c) => c.name))) {
    const a = from.schema.find((c) => c.name === name);
    const b = to.schema.find((c) => c.name === name);
    const types = { name, from: a?.type ?? null, to: b?.type ?? null };
    if (a === undefined) columns.push({ ...types, change: 'added' });
    else if (b === undefined) columns.push({ ...types, change: 'removed' });
    else if (a.type !== b.type) columns.push({ ...types, change: 'type' });
    else if (a.nullable !== b.nullable) {
      const word = (c: ColumnSchema): string => (c.nullable ? 'nullable' : 'never null');
      columns.push({ name, change: 'nullable', from: word(a), to: word(b) });
    }
  }
  return {
    dataset: to.dataset,
    from: from.number,
    to: to.number,
    files,
    columns,
    rowCountFrom: from.rowCount,
    rowCountTo: to.rowCount,
    sizeBytesFrom: from.sizeBytes,
    sizeBytesTo: to.sizeBytes,
  };
}
