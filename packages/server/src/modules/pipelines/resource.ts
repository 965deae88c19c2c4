/** How a project declares a pipeline. The client describes the graph; the server checks it again and keeps it by digest. */
import { PipelineSpec, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { digestOfJson } from '../../lib/digest.ts';
import type { ResourceKind } from '../projects/index.ts';
import { checkGraph } from './graph.ts';
import { applyPipeline, removePipeline } from './store.ts';

export const pipelineResource: ResourceKind<PipelineSpec> = {
  kind: 'pipeline',
  parse: (name, spec) => {
    const parsed = PipelineSpec.safeParse(spec);
    if (!parsed.success) {
      throw new SlipwayError('pipeline_invalid', { pipeline: name, problem: z.prettifyError(parsed.error) });
    }
    if (parsed.data.graph.id !== name) {
      const problem = `its graph is that of "${parsed.data.graph.id}": the names must be equal`;
      throw new SlipwayError('pipeline_invalid', { pipeline: name, problem });
    }
    checkGraph(parsed.data.graph);
    return parsed.data;
  },
  apply: (trx, { name, spec, project, actor }) =>
    applyPipeline(trx, { name, spec, graphDigest: digestOfJson(spec.graph), project, actor }),
  remove: (trx, { name, actor }) => removePipeline(trx, { name, actor }),
};
