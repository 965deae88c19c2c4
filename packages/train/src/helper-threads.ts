/** Threads that run `help` of a module over a shared memory until its `end`. */
import { Worker } from 'node:worker_threads';

/**
 * The whole program of a helper. It is a text because a file would have to be found again beside whatever bundle this package
 * ends up in, and because it is all WebAssembly but for this line.
 */
const program = `
const { workerData: { module, histogram, env } } = require('node:worker_threads');
const own = new WebAssembly.Instance(histogram, { env }).exports;
new WebAssembly.Instance(module, { env: { ...env, ...own } }).exports.help();
`;

export interface SharedKernels {
  readonly module: object;
  /** The module of the histogram. */
  readonly histogram: object;
  /** What both import. */
  readonly env: object;
}

/** They do not keep the process running; one that cannot start is not there, and the others do its work. */
export function startHelpers(count: number, shared: SharedKernels): void {
  for (let started = 0; started < count; started++) {
    const worker = new Worker(program, { eval: true, workerData: shared, stdin: false, execArgv: [] });
    worker.on('error', () => undefined);
    worker.unref();
  }
}
