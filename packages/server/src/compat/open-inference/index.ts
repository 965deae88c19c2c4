export { createHotPaths } from './hot-path.ts';
export type { HotPathDeps } from './hot-path.ts';
export { openInferenceProtocol } from './routes.ts';
