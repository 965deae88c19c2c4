/** The table of commands, in the order in which help shows them. */
import type { Command } from 'commander';

export type Register = (program: Command) => void;

const loaders: Readonly<Record<string, () => Promise<{ readonly register: Register }>>> = {
  up: () => import('./up.ts'),
  demo: () => import('./demo.ts'),
  init: () => import('./init.ts'),
  plan: () => import('./project.ts'),
  apply: () => import('./project.ts'),
  destroy: () => import('./project.ts'),
  export: () => import('./export.ts'),
  project: () => import('./project.ts'),
  data: () => import('./data.ts'),
  feature: () => import('./feature.ts'),
  pipeline: () => import('./pipeline.ts'),
  run: () => import('./run.ts'),
  model: () => import('./model.ts'),
  deploy: () => import('./deploy.ts'),
  endpoint: () => import('./endpoint.ts'),
  predict: () => import('./predict.ts'),
  labels: () => import('./labels.ts'),
  simulate: () => import('./simulate.ts'),
  monitor: () => import('./monitor.ts'),
  policy: () => import('./policy.ts'),
  approval: () => import('./approval.ts'),
  status: () => import('./status.ts'),
  why: () => import('./why.ts'),
  ledger: () => import('./ledger.ts'),
  token: () => import('./token.ts'),
  doctor: () => import('./doctor.ts'),
  completion: () => import('./completion.ts'),

  complete: async () => ({ register: (await import('./completion.ts')).registerComplete }),
};

export const commandNames: readonly string[] = Object.keys(loaders);

const registered = new WeakMap<Command, Set<Register>>();

/** A file may register several commands; it is registered once per program. */
export async function loadCommand(name: string): Promise<Register> {
  const load = loaders[name];
  if (load === undefined) throw new Error(`there is no command "${name}"`);
  const { register } = await load();
  return (program) => {
    const done = registered.get(program) ?? new Set();
    registered.set(program, done);
    if (done.has(register)) return;
    done.add(register);
    register(program);
  };
}
