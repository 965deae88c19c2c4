/** What is known of a dataset version beyond its bytes: checks of it, and runs that read it. */
import type {
  ColumnProfile,
  DatasetProfile,
  DatasetVersionSummary,
  PipelineRun,
  ValidationSummary,
} from '@slipway/contract';
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

export const readersOf = (all: readonly PipelineRun[], dataset: string, version: number): readonly PipelineRun[] =>
  all.filter((r) => r.datasets.some((d) => d.dataset === dataset && d.number === version));

export function useChecks(): readonly ValidationSummary[] {
  return useAsk('validations.list', { query: { limit: lookedThrough } }).data?.items ?? [];
}

export function useReaders(): readonly PipelineRun[] {
  return useAsk('pipelineRuns.list', { query: { limit: lookedThrough } }).data?.items ?? [];
}

export function checkStatus(check: ValidationSummary | undefined): Status {
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
  readonly size: number;
}

const moveFloor = 0.005;
const movedMax = 4;

/** Columns whose mean or share of nulls moved most between two versions, in standard deviations and in shares. */
export function movedMost(before: DatasetProfile, after: DatasetProfile): readonly Moved[] {
  return after.columns
    .flatMap((column) => {
      const old = before.columns.find((c) => c.name === column.name);
      return old === undefined ? [] : moveOf(old, column, [before.rowCount, after.rowCount]);
    })
    .filter((m) => m.size >= moveFloor)
    .toSorted((a, b) => b.size - a.size)
    .slice(0, movedMax);
}

function moveOf(old: ColumnProfile, now: ColumnProfile, [rowsOld, rowsNow]: readonly [number, number]): Moved[] {
  const { name } = now;
  const moves: Moved[] = [];
  if (old.mean !== null && now.mean !== null && old.std !== null && old.std > 0) {
    const size = Math.abs(now.mean - old.mean) / old.std;
    moves.push({ name, size, words: `mean ${figure(old.mean)} to ${figure(now.mean)}, ${size.toFixed(2)} deviations` });
  }
  if (rowsOld > 0 && rowsNow > 0 && old.nullCount / rowsOld !== now.nullCount / rowsNow) {
    const size = Math.abs(now.nullCount / rowsNow - old.nullCount / rowsOld);
    moves.push({ name, size, words: `nulls ${nulls(old, rowsOld)} to ${nulls(now, rowsNow)}` });
  }
  return moves;
}
