// Who may look at whom. The layer check (tools/layers.ts) and the diagram in ARCHITECTURE.md are both made from this file.

/** Workspace packages: what each may import. */
export const packages = {
  contract: [],
  onnx: [],
  train: ['onnx'],
  sdk: ['contract', 'onnx', 'train'],
  server: ['contract', 'onnx', 'train', 'sdk'],
  cli: ['contract', 'sdk', 'server'],
  ui: ['contract'],
};

/** The name under which other packages import each one. */
export const packageNames = {
  contract: '@slipway/contract',
  onnx: '@slipway/onnx',
  train: '@slipway/train',
  sdk: 'slipway',
  server: '@slipway/server',
  cli: '@slipway/cli',
  ui: '@slipway/ui',
};

/**
 * Domain modules: whose door each may look through, and by type only (`import type` from `index.ts`). Run-time parts come
 * through ports that main.ts hands in.
 */
export const modules = {
  system: [],
  projects: [],
  data: ['projects'],
  quality: ['projects', 'data'],
  features: ['projects', 'data'],
  tracking: [],
  registry: ['projects', 'tracking'],
  pipelines: ['projects', 'data', 'features', 'tracking', 'registry', 'quality'],
  serving: ['projects', 'registry', 'features'],
  monitoring: ['projects', 'serving', 'registry', 'features', 'governance'],
  automation: ['projects', 'pipelines', 'registry', 'serving', 'monitoring'],
  governance: [],
};

/** Foreign protocols: each translates to these modules' doors. */
export const compat = {
  mlflow: ['tracking', 'registry'],
  'open-inference': ['serving'],
  'mlflow-scoring': ['serving'],
};

/** The only files of the server that may build things: they see every door. */
export const compositionRoots = ['main.ts', 'writer.ts', 'stores.ts', 'index.ts', 'wiring'];

/**
 * Files that build things in the process of a step, where main.ts does not run: they may take the run-time part of a module
 * that their own module may look at, through its door.
 */
export const childRoots = ['modules/pipelines/step-features.ts'];
