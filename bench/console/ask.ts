/** Asks a server one thing after another and says how long each took and what it cost the server's main thread. */
import type { ConsoleRequest } from './requests.ts';
import type { WatchedServer } from './watched-server.ts';

export interface Asked {
  readonly operation: string;
  readonly what: string;
  readonly status: number;
  readonly bytes: number;
  readonly samplesMs: readonly number[];
  /** Of the server's main thread per request. */
  readonly mainCpuMs: number;
  /** The longest that the main thread was busy at a stretch, or was kept from running. */
  readonly delayMaxMs: number;
}

/** A request that takes so long is asked less often. */
const slowMs = 500;

export async function ask(server: WatchedServer, request: ConsoleRequest, times: number): Promise<Asked> {
  const one = async (): Promise<{ readonly ms: number; readonly status: number; readonly bytes: number }> => {
    const before = performance.now();
    const response = await fetch(`${server.url}${request.path}`);
    const { byteLength } = await response.arrayBuffer();
    return { ms: performance.now() - before, status: response.status, bytes: byteLength };
  };
  const first = await one();
  const count = first.ms > slowMs ? 3 : times;
  await server.look();
  const samplesMs: number[] = [];
  for (let i = 0; i < count; i++) samplesMs.push((await one()).ms);
  const { mainCpuMs, delayMaxMs } = await server.look();
  const { operation, what } = request;
  return {
    operation,
    what,
    status: first.status,
    bytes: first.bytes,
    samplesMs,
    mainCpuMs: mainCpuMs / count,
    delayMaxMs,
  };
}
