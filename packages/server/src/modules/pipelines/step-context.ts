/** The context of a TypeScript step, made in the step's own process. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact, Client, StepContext } from 'slipway';
import { createClient, datasetRef } from 'slipway';
import { createSystemClock } from '../../platform/clock.ts';
import { createStatistics } from './step-statistics.ts';
import { scoreColumns } from './step-score.ts';
import { createStepFeatures } from './step-features.ts';
import type { StepTask } from './step-task.ts';
import { artifactsFolder, progressFile } from './step-task.ts';
import { createTables } from './step-tables.ts';
import { createStepTracking } from './step-tracking.ts';

export interface StepContextOptions {
  readonly task: StepTask;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly token: string | undefined;
}

export function createStepContext(options: StepContextOptions): {
  readonly context: StepContext;
  /** Ends the tracking run, if the step made one, and answers its id. */
  readonly close: (isSuccess: boolean) => Promise<string | undefined>;
} {
  const { task, folder } = options;
  const artifacts = join(folder, artifactsFolder);
  mkdirSync(artifacts, { recursive: true });
  const client: Client = createClient({ url: task.url, token: options.token });
  const tracking = createStepTracking(client, task, createSystemClock());

  const path = (artifact: Artifact): string => {
    const made = join(artifacts, artifact.digest.replace('sha256:', ''));
    const file = task.files[artifact.digest] ?? (statSync(made, { throwIfNoEntry: false }) ? made : undefined);
    if (file === undefined) throw new Error(`artifact "${artifact.name}" is not an input of step "${task.step}"`);
    return file;
  };
  const writeArtifact: StepContext['writeArtifact'] = async (name, kind, { content, meta }) => {
    const partial = join(artifacts, `${process.pid}.partial`);
    if (typeof content === 'object' && 'file' in content) copyFileSync(content.file, partial);
    else writeFileSync(partial, content);
    const bytes = readFileSync(partial);
    const hex = createHash('sha256').update(bytes).digest('hex');
    renameSync(partial, join(artifacts, hex));
    return { kind, name, digest: `sha256:${hex}`, sizeBytes: bytes.length, ...(meta === undefined ? {} : { meta }) };
  };
  const dataset: StepContext['dataset'] = (artifact) => {
    const found = task.datasets[datasetRef(artifact)];
    if (!found) throw new Error(`dataset "${artifact.name}" is not an input of step "${task.step}"`);
    return found;
  };
  const tables = createTables({ path, folder, writeArtifact });
  const context: StepContext = {
    signal: options.signal,
    log: (message) => void process.stdout.write(`${message}\n`),
    progress: (fraction, message) => {
      const partial = join(folder, `${progressFile}.partial`);
      writeFileSync(partial, JSON.stringify({ fraction, message }));
      renameSync(partial, join(folder, progressFile));
    },
    idempotencyKey: `${task.run}/${task.step}`,
    pipeline: task.pipeline,
    pipelineRun: task.run,
    step: task.step,
    codeDigest: task.codeDigest,
    commit: task.commit,
    workdir: folder,
    client,
    run: tracking.run,
    features: createStepFeatures({ client, dataset, analytics: tables.analytics }),
    statistics: createStatistics(),
    path,
    dataset,
    readJson: (artifact) => JSON.parse(readFileSync(path(artifact), 'utf8')),
    openTable: tables.open,
    query: tables.query,
    score: scoreColumns,
    writeArtifact,
  };
  return {
    context,
    close: async (isSuccess) => {
      await tables.close();
      return tracking.end(isSuccess);
    },
  };
}
