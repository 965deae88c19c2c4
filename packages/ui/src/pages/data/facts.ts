/** What is known of a dataset version beyond its bytes: checks of it, and runs that read it. */
import type { ColumnProfile, DatasetProfile, DatasetVersionSummary, ValidationSummary } from '@slipway/contract';
import { useAsk } from '../../api/queries.ts';
import type { Status } from '../../components/status.tsx';
import { figure, nulls } from './profile.tsx';

/** Validations and runs are listed newest first and not by dataset, so only the latest of them are looked through. */
export const lookedThrough = 200;

export const checksOf = (
  all: readonly ValidationSummary[],
  dataset: string,
  version: number,
): readonly ValidationSummary[] =>
  all.filter((v) => v.datasetVersions.some((d) => d.dataset === dataset && d.version === version));

export function useChecks(): readonly ValidationSummary[] {
  return useAsk('validations.list', { query: { limit: lookedThrough } }).data?.items ?? [];
}

type Check = Pick<ValidationSummary, 'success' | 'failed' | 'warnings' | 'evaluated'>;

export function checkStatus(check: Check | undefined): Status {
  if (check === undefined) return { tone: 'idle', word: 'Not checked' };
  const { success, failed, warnings, evaluated } = check;
  if (!success) return { tone: 'bad', word: `${failed} of ${evaluated} failed` };
  return warnings > 0
    ? { tone: 'warn', word: `Passed, ${warnings} warned` }
    : { tone: 'ok', word: `Passed ${evaluated} of ${evaluated}` };
}

/** The rows that it has more or fewer than the version before. */
export function grownBy(version: DatasetVersionSummary, all: readonly DatasetVersionSummary[]): number | undefined {
  const before = all.find((v) => v.number === version.number - 1);
  return before === undefined ? undefined : version.rowCount - before.rowCount;
}

export const signedCount = (n: number): string => `${n < 0 ? '\u2212' : '+'}${figure(Math.abs(n))}`;

export interface Moved {
  readonly name: string;
  readonly words: string;
  readonly psi: number;
}

/** Below this a column lies as it did. */
const moveFloor = 0.01;
const movedMax = 5;

/** Columns whose values lie elsewhere than in the other version, the furthest first. */
export function movedMost({ rowCount, columns, against }: DatasetProfile): readonly Moved[] {
  if (against === undefined) return [];
  return against.columns
    .flatMap(({ name, psi, before }) => {
      const now = columns.find((c) => c.name === name);
      return psi === null || psi < moveFloor || now === undefined
        ? []
        : [{ name, psi, words: moveWords(before, now, [against.rowCount, rowCount]) }];
    })
    .toSorted((a, b) => b.psi - a.psi)
    .slice(0, movedMax);
}

function moveWords(old: ColumnProfile, now: ColumnProfile, [rowsOld, rowsNow]: readonly [number, number]): string {
  const words: string[] = [];
  if (old.mean !== null && now.mean !== null) words.push(`mean ${figure(old.mean)} to ${figure(now.mean)}`);
  const [before, after] = [nulls(old, rowsOld), nulls(now, rowsNow)];
  if (before !== after) words.push(`nulls ${before} to ${after}`);
  return words.join(', ');
}
