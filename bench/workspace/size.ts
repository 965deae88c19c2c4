/** How large a generated workspace is: a full one, or a share of it. Equal settings make equal workspaces. */
import { digestOfJson } from '../../packages/server/src/lib/digest.ts';

export interface WorkspaceSize {
  readonly seed: number;
  readonly runs: number;
  readonly experiments: number;
  /** Points of the one long series, beside some 20 points of every run. */
  readonly longSeriesPoints: number;
  readonly models: number;
  readonly versions: number;
  readonly pipelines: number;
  readonly pipelineRuns: number;
  readonly stepsPerPipelineRun: number;
  readonly events: number;
  readonly predictions: number;
  /** Judged windows of the hourly monitor. */
  readonly windows: number;
}

/** Changes whenever the same settings would make another workspace. */
const generatorVersion = 2;

/** At 1: 100,000 runs, 1,000 models, 10,000 pipeline runs, 1 M ledger events, 10 M predictions. */
export function sizeAt(scale: number, seed = 1): WorkspaceSize {
  const of = (full: number, least: number): number => Math.max(least, Math.round(full * scale));
  return {
    seed,
    runs: of(100_000, 50),
    experiments: of(100, 3),
    longSeriesPoints: of(1_000_000, 500),
    models: of(1000, 5),
    versions: of(5000, 20),
    pipelines: of(20, 2),
    pipelineRuns: of(10_000, 10),
    stepsPerPipelineRun: 20,
    events: of(1_000_000, 1500),
    predictions: of(10_000_000, 1000),
    windows: of(4000, 10),
  };
}

/** Names the folder in which such a workspace is kept. */
export function sizeDigest(size: WorkspaceSize): string {
  return digestOfJson({ generatorVersion, ...size }).slice('sha256:'.length, 'sha256:'.length + 16);
}

/** The story that a workspace tells ends here; half a year before, it begins. */
export const storyEndsAt = Date.UTC(2026, 5, 1);
export const storyMs = 180 * 86_400_000;
export const storyBeginsAt = storyEndsAt - storyMs;

/** Instant of the `index`th of `count` things that happen evenly over the story. */
export function instantOf(index: number, count: number): number {
  return storyBeginsAt + Math.floor((index / count) * storyMs);
}
