export type { LinearModel, Tree, TreeEnsemble } from './trees.ts';
