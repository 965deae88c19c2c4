export { createInferPath } from './hot-path.ts';
export { openInferenceProtocol } from './routes.ts';
