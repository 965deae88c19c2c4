/**
 * A server over a folder, in a process of its own that watches its event loop. Answers each message with what its main thread
 * did since the last one.
 */
import module from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

/** The histogram's timer: a delay shorter than it is not seen. */
const resolutionMs = 1;

// As `slipway up` starts: bin/slipway.js compiles into a cache that threads take over, without which each of them would hold
// what Node strips types with (30 MB and more), and holds the heap while it loads; the command bounds it when the server is ready.
const { directory } = module.enableCompileCache();
if (directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= directory;
setFlagsFromString('--semi-space-growth-factor=1');
const { boundHeap, readConfig, startServer } = await import('@slipway/server');
const before = performance.now();
const server = await startServer(readConfig({ dir: process.argv[2], port: 0, logLevel: 'error' }, {}));
const startMs = performance.now() - before;
boundHeap();
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
let cpu = process.threadCpuUsage();

process.on('message', () => {
  const used = process.threadCpuUsage(cpu);
  const memory = process.memoryUsage();
  process.send?.({
    mainCpuMs: (used.user + used.system) / 1000,
    delayMaxMs: delay.count === 0 ? 0 : Math.max(0, delay.max / 1e6 - resolutionMs),
    rssMb: memory.rss / 2 ** 20,
    heapMb: memory.heapUsed / 2 ** 20,
  });
  delay.reset();
  cpu = process.threadCpuUsage();
});
process.on('SIGTERM', () => void server.stop(1000).then(() => process.exit(0)));
process.send?.({ url: server.url, startMs });
