export type { MlflowDeps } from './routes.ts';
export { mlflowProtocol } from './routes.ts';
