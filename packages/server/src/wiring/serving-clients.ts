/** What clients of one endpoint are made from: its versions, the features that they read, rows that they were trained on. */
import type { ServingClientDeps } from '../modules/serving/index.ts';
import type { Modules } from './modules.ts';

/** Rows among which the one with the fewest missing values is taken as a sample. */
const sampleRows = 20;

export function createServingClientDeps(
  modules: Modules,
  given: Pick<ServingClientDeps, 'url' | 'now'>,
): ServingClientDeps {
  const { serving, registry, features, data } = modules;
  return {
    ...given,
    serving,
    getVersion: (model, version) => registry.getVersion(model, version),
    getFeatureSet: (set) => features.get(set),
    readRows: async (dataset, version, columns) => {
      const page = await data.rows(dataset, version, { columns: JSON.stringify(columns), limit: sampleRows });
      return page.items.map(({ values }) => Object.fromEntries(page.columns.map(({ name }, i) => [name, values[i]])));
    },
  };
}
