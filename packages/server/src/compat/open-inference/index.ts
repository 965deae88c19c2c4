export { createHotPaths } from './hot-path.ts';
export type { HotPathDeps } from './hot-path.ts';
export type { EndpointInputs, InputColumn, ScoringPort } from './ports.ts';
export { createScoringPort } from './ports.ts';
export { openInferenceProtocol } from './routes.ts';
