/** What the server and the process of a step tell each other, through files in the attempt's folder. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepOutput } from '@slipway/contract';
import { z } from 'zod';

export const taskFile = 'task.json';
export const resultFile = 'result.json';
export const logFile = 'log.txt';
export const progressFile = 'progress.json';
/** Artifacts that the step made, each under the hex digits of its digest. */
export const artifactsFolder = 'artifacts';

export const TaskValue = z.union([StepOutput, z.object({ list: z.array(StepOutput) })]);

export const StepTask = z.object({
  pipeline: z.string(),
  run: z.string(),
  step: z.string(),
  attempt: z.int(),
  /** Absolute path of the file that exports the pipeline. */
  file: z.string(),
  inputs: z.record(z.string(), TaskValue),
  /** Local files of artifacts, by digest. */
  files: z.record(z.string(), z.string()),
  /** Local files of datasets, by reference. */
  datasets: z.record(
    z.string(),
    z.object({
      dataset: z.string(),
      version: z.int(),
      digest: z.string(),
      paths: z.array(z.string()),
      relation: z.string(),
    }),
  ),
  codeDigest: z.string(),
  commit: z.string().optional(),
  url: z.string(),
});
export type StepTask = z.infer<typeof StepTask>;

export const StepResult = z.union([
  z.object({ outputs: z.record(z.string(), StepOutput), trackingRun: z.string().optional() }),
  z.object({
    error: z.object({
      message: z.string(),
      /** Of a refusal. */
      code: z.string().optional(),
      stack: z.string().optional(),
      isRetryable: z.boolean(),
    }),
    trackingRun: z.string().optional(),
  }),
]);
export type StepResult = z.infer<typeof StepResult>;

/** Whole or not at all: a result that is there is complete. */
export async function writeResult(folder: string, result: StepResult): Promise<void> {
  const partial = join(folder, `${resultFile}.partial`);
  await writeFile(partial, JSON.stringify(result));
  await rename(partial, join(folder, resultFile));
}

export async function findResult(folder: string): Promise<StepResult | undefined> {
  try {
    return StepResult.parse(JSON.parse(await readFile(join(folder, resultFile), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { error: { message: `its result file cannot be read: ${String(error)}`, isRetryable: true } };
  }
}
