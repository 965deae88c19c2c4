/**
 * How much each column weighed when the version was trained: its share of the gain, from the `importance.json` that the step
 * which wrote the model left in its run. Where there is none, it says so; nothing is guessed.
 */
import { useMemo } from 'react';
import { useAsk, useAskText } from '../../api/queries.ts';

export interface Importance {
  /** Of the whole gain, by column. */
  readonly shares: ReadonlyMap<string, number>;
  /** Whose file it is. */
  readonly run: string;
}

/** Undefined while it is asked for; `unknown` where no training run says it. */
export type Weighing = Importance | 'unknown' | undefined;

export function useImportance(model: string, version: number): Weighing {
  const found = useAsk('models.getVersion', { params: { model, version: String(version) } });
  const pipelineRun = found.data?.lineage.pipelineRun;
  const steps = useAsk(
    'pipelineRuns.get',
    { params: { run: pipelineRun ?? '' } },
    { enabled: pipelineRun !== undefined },
  );
  const digest = found.data?.artifactDigest;
  const maker = steps.data?.steps.find(
    (step) =>
      step.runId !== undefined &&
      Object.values(step.outputs).some((output) => 'artifact' in output && output.artifact.digest === digest),
  );
  const isSettled = found.data !== undefined && (pipelineRun === undefined || steps.data !== undefined);
  const run = isSettled ? (maker?.runId ?? found.data.runId) : undefined;
  const files = useAsk('runs.artifacts', { params: { run: run ?? '' }, query: {} }, { enabled: run !== undefined });
  const isThere = files.data?.items.some(({ path }) => path === file) === true;
  const text = useAskText(
    'runs.getArtifact',
    { params: { run: run ?? '', path: file } },
    { enabled: run !== undefined && isThere },
  );
  const shares = useMemo(() => (text.data === undefined ? undefined : sharesOf(text.data)), [text.data]);
  const isOver =
    [found, steps, files, text].some(({ error }) => error !== null) ||
    (isSettled && run === undefined) ||
    (files.data !== undefined && !isThere) ||
    (text.data !== undefined && shares === undefined);
  if (shares !== undefined && run !== undefined) return { shares, run };
  return isOver ? 'unknown' : undefined;
}

const file = 'importance.json';

/** Undefined when the file is not a list of features with their gain. */
export function sharesOf(text: string): ReadonlyMap<string, number> | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows)) return undefined;
  const gains = rows.flatMap((row: unknown): [string, number][] => {
    if (typeof row !== 'object' || row === null || !('feature' in row) || !('gain' in row)) return [];
    return typeof row.feature === 'string' && typeof row.gain === 'number' ? [[row.feature, row.gain]] : [];
  });
  const total = gains.reduce((sum, [, gain]) => sum + gain, 0);
  return total > 0 ? new Map(gains.map(([name, gain]) => [name, gain / total])) : undefined;
}
