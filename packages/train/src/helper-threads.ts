/** Threads that run `help` of a module over a shared memory until its `end`. */
import { Worker } from 'node:worker_threads';

/**
 * The whole program of a helper. It is a text because a file would have to be found again beside whatever bundle this package
 * ends up in, and because it is all WebAssembly but for this line.
 */
const program = `
const { workerData: { module, memory } } = require('node:worker_threads');
new WebAssembly.Instance(module, { env: { memory } }).exports.help();
`;

/** They do not keep the process running; one that cannot start is not there, and the others do its work. */
export function startHelpers(count: number, shared: { readonly module: object; readonly memory: object }): void {
  for (let started = 0; started < count; started++) {
    const worker = new Worker(program, { eval: true, workerData: shared, stdin: false, execArgv: [] });
    worker.on('error', () => undefined);
    worker.unref();
  }
}
