/** The address of what the finder found. */
import type { Found } from '@slipway/contract';
import { pathOf } from '../api/client.ts';
import { to } from './places.ts';

export function placeOfFound({ kind, id }: Found): string {
  switch (kind) {
    case 'dataset':
      return to.dataset(id);
    case 'dataset-version':
    case 'version': {
      const cut = id.lastIndexOf('/');
      const page = kind === 'version' ? to.version : to.dataset;
      return page(id.slice(0, cut), id.slice(cut + 1));
    }
    case 'validation':
      return to.validation(id);
    case 'feature-set':
      return to.featureSet(id);
    case 'pipeline':
      return to.pipeline(id);
    case 'pipeline-run':
      return to.pipelineRun(id);
    case 'experiment':
      return to.experiments;
    case 'run':
      return to.run(id);
    case 'model':
      return to.model(id);
    case 'endpoint':
      return to.endpoint(id);
    case 'rollout':
      return to.rollout(id);
    case 'deployment':
    case 'prediction':
    case 'alert':
      return to.why(kind, id);
    case 'monitor':
      return to.monitor(id);
    case 'policy':
      return to.policy(id);
    case 'object':
      return pathOf('objects.get', { params: { digest: id } });
    case 'event':
      return to.ledgerEvent(Number(id));
  }
}
