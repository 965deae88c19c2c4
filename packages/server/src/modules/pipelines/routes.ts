import { pipelinesRoutes, SlipwayError } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Pipelines } from './index.ts';
import { followLog, readLog } from './step-log.ts';

export function pipelinesBinding(pipelines: Pipelines): Binding {
  const { clock, objects } = pipelines.deps;
  const stepAt = async (run: string, step: string, attempt?: number) => {
    const row = await pipelines.findStep(run, step);
    if (!row) {
      const remedy = '`slipway pipeline show` lists the steps of a run.';
      throw new SlipwayError('not_found', { noun: `step of pipeline run ${run}`, name: step, remedy });
    }
    const number = attempt ?? row.attempt;
    return { ...row, attempt: number, folder: pipelines.attemptFolder(run, step, number) };
  };
  return bind(pipelinesRoutes, {
    'pipelines.list': ({ query }) => pipelines.list(query),
    'pipelines.get': ({ params }) => pipelines.get(params.pipeline),
    'pipelines.run': ({ params, body }, { actor }) => pipelines.start(params.pipeline, { ...body, actor }),
    'pipelineRuns.list': ({ query }) => pipelines.listRuns(query),
    'pipelineRuns.get': ({ params }) => pipelines.getRun(params.run),
    'pipelineRuns.cancel': ({ params }, { actor }) => pipelines.cancel(params.run, actor),
    'pipelineRuns.rerun': ({ params, body }, { actor }) => pipelines.rerun(params.run, { ...body, actor }),
    'pipelineRuns.log': async ({ params, query }) => {
      const { folder } = await stepAt(params.run, params.step, query.attempt);
      return new Stream(readLog(folder), { 'content-type': 'text/plain; charset=utf-8' });
    },
    'pipelineRuns.followLog': async ({ params }, { signal }) => {
      await stepAt(params.run, params.step);
      const look = () => stepAt(params.run, params.step);
      return new Stream(asEvents(followLog({ clock, signal, look })), { 'content-type': 'text/event-stream' });
    },
    'pipelineRuns.artifact': async ({ params }) => {
      const { outputs } = await stepAt(params.run, params.step);
      const output = outputs[params.output];
      if (output === undefined || !('artifact' in output) || output.artifact.kind === 'dataset') {
        const remedy = `It has: ${Object.keys(outputs).join(', ') || 'no outputs yet'}.`;
        throw new SlipwayError('not_found', { noun: `artifact of step "${params.step}"`, name: params.output, remedy });
      }
      const { digest, sizeBytes } = output.artifact;
      return new Stream(await objects.open(digest), {
        'content-type': 'application/octet-stream',
        'content-length': String(sizeBytes),
        etag: `"${digest}"`,
      });
    },
  });
}

async function* asEvents(events: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const event of events) yield `data: ${JSON.stringify(event)}\n\n`;
}
