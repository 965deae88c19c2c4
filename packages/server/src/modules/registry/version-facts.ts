/** Routes of what several modules together know of a version. Who knows it is handed in: the registry knows only its own part. */
import type { ModelCard, ModelVersion, VersionInputs, VersionLineage } from '@slipway/contract';
import { versionFactsRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Registry } from './index.ts';
import { cardMarkdown } from './model-card.ts';

/** What other modules know of a version. */
export interface VersionFacts {
  readonly card: (version: ModelVersion) => Promise<ModelCard>;
  readonly lineage: (version: ModelVersion) => Promise<VersionLineage>;
  readonly inputs: (version: ModelVersion) => Promise<VersionInputs>;
}

export function versionFactsBinding(registry: Pick<Registry, 'getVersion'>, facts: VersionFacts): Binding {
  const cardOf = async (params: { readonly model: string; readonly version: string }): Promise<ModelCard> =>
    facts.card(await registry.getVersion(params.model, params.version));
  return bind(versionFactsRoutes, {
    'models.lineage': async ({ params }) => facts.lineage(await registry.getVersion(params.model, params.version)),
    'models.inputs': async ({ params }) => facts.inputs(await registry.getVersion(params.model, params.version)),
    'models.card': ({ params }) => cardOf(params),
    'models.cardText': async ({ params }) => {
      const text = cardMarkdown(await cardOf(params));
      return new Stream(
        (async function* () {
          yield text;
        })(),
        { 'content-type': 'text/markdown; charset=utf-8', 'cache-control': 'no-store' },
      );
    },
  });
}
