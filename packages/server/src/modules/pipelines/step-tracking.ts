/** The tracking run of a step: made when first used, metrics sent in batches, ended with the step. */
import type { Client, StepTracking } from 'slipway';
import { metricsPerLogMax } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { StepTask } from './step-task.ts';

interface Pending {
  metrics: { key: string; value: number | 'NaN' | 'Infinity' | '-Infinity'; step: number; at: number }[];
  params: Record<string, string>;
  tags: Record<string, string>;
}

const empty = (): Pending => ({ metrics: [], params: {}, tags: {} });

function metricValue(value: number): Pending['metrics'][number]['value'] {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

export function createStepTracking(
  client: Client,
  task: StepTask,
  clock: Clock,
): { readonly run: StepTracking; end(isSuccess: boolean): Promise<string | undefined> } {
  // The run began with the step, whenever the step first has something to log.
  const startedAt = clock.now();
  let made: Promise<string> | undefined;
  let pending = empty();
  let sending: Promise<void> = Promise.resolve();
  const id = (): Promise<string> => {
    made ??= client.runs
      .create({
        body: {
          experiment: task.pipeline,
          name: task.step,
          startedAt,
          tags: { 'slipway.pipelineRun': task.run, 'slipway.step': task.step, 'slipway.attempt': String(task.attempt) },
        },
      })
      .then((run) => run.id);
    return made;
  };
  const flush = (): Promise<void> => {
    const batch = pending;
    pending = empty();
    const isEmpty =
      batch.metrics.length === 0 && Object.keys(batch.params).length + Object.keys(batch.tags).length === 0;
    if (!isEmpty) {
      sending = sending.then(async () => {
        await client.runs.log({ params: { run: await id() }, body: batch });
      });
      // Reported by the flush at the step's end; until then it must not end the process.
      sending.catch(() => undefined);
    }
    return sending;
  };
  const run: StepTracking = {
    id,
    logParams: (params) => {
      for (const [key, value] of Object.entries(params)) pending.params[key] = String(value);
    },
    logMetric: (key, value, step = 0) => {
      pending.metrics.push({ key, value: metricValue(value), step, at: clock.now() });
      if (pending.metrics.length >= metricsPerLogMax) void flush();
    },
    setTags: (tags) => Object.assign(pending.tags, tags),
    logArtifact: async (path, content) => {
      const body = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      await client.runs.putArtifact({ params: { run: await id(), path }, body });
    },
    flush,
  };
  return {
    run,
    end: async (isSuccess) => {
      if (made === undefined) return undefined;
      const run = await made;
      await client.runs.end({ params: { run }, body: { status: isSuccess ? 'finished' : 'failed' } });
      return run;
    },
  };
}
