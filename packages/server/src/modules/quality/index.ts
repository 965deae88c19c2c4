/** The door of the quality module: expectation suites and validations. */
import { qualityRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Quality } from './service.ts';

export type { Datasets, SelectedDataset } from './ports.ts';
export type { Quality, QualityDeps } from './service.ts';
export { createQuality } from './service.ts';
export { qualityStore, suiteKind } from './store.ts';

export function qualityBinding(quality: Quality): Binding {
  return bind(qualityRoutes, {
    'suites.list': ({ query }) => quality.listSuites(query),
    'suites.get': ({ params }) => quality.getSuite(params.suite),
    'validations.create': ({ body }, caller) => quality.validate(body, caller),
    'validations.list': ({ query }) => quality.listValidations(query),
    'validations.get': ({ params }) => quality.getValidation(params.validation),
    'validations.rows': ({ params, query }) => quality.failingRows(params.validation, query),
  });
}
