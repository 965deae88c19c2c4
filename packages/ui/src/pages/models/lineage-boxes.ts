/** A node of a version's lineage as the page shows it: in the graph, and in its list form. */
import type { LineageNode } from '@slipway/contract';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';

export interface LineageBox {
  readonly kind: string;
  readonly name: string;
  readonly below: string;
  readonly href: string | undefined;
  readonly isHere: boolean;
}

const kinds: Readonly<Record<LineageNode['kind'], string>> = {
  dataset: 'dataset version',
  features: 'feature service',
  'training-set': 'training set',
  'pipeline-run': 'pipeline run',
  run: 'run',
  gate: 'gate',
  version: 'model version',
  endpoint: 'endpoint',
};

function hrefOf({ kind, ref }: LineageNode): string | undefined {
  const cut = ref.lastIndexOf('@');
  switch (kind) {
    case 'dataset':
      return to.dataset(ref.slice(0, cut), ref.slice(cut + 1));
    case 'features':
      return to.featureSet(ref.slice(0, ref.indexOf('/')));
    case 'pipeline-run':
      return to.pipelineRun(ref);
    case 'run':
      return to.run(ref);
    case 'endpoint':
      return to.endpoint(ref);
    case 'training-set':
    case 'gate':
    case 'version':
      return undefined;
  }
}

export function boxOf(node: LineageNode): LineageBox {
  const { kind, name, fact, digest, ref } = node;
  const below = fact ?? (digest === undefined ? short(ref) : short(digest));
  return { kind: kinds[kind], name, below, href: hrefOf(node), isHere: kind === 'version' };
}
