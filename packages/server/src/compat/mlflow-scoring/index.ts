export { mlflowScoringProtocol } from './routes.ts';
export type { MlflowScoringDeps } from './routes.ts';
