/** A server in a process of its own, for tests that kill it: `fork(server-child.ts, [folder])`, then a message with its address. */
import { readConfig, startServer } from '@slipway/server';

const server = await startServer(readConfig({ dir: process.argv[2] ?? '', port: 0, logLevel: 'error' }, {}));
process.send?.(server.url);
