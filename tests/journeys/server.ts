/** A real server on a new folder, for tests that use the product as its users do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, startServer } from '@slipway/server';
import type { Client } from 'slipway';
import { createClient } from 'slipway';

export interface TestServer {
  readonly url: string;
  readonly folder: string;
  readonly client: Client;
  stop(): Promise<void>;
}

export async function startTestServer(options: { readonly folder?: string } = {}): Promise<TestServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'slipway-test-'));
  const server = await startServer(readConfig({ dir: folder, port: 0, logLevel: 'error' }, {}));
  return {
    url: server.url,
    folder,
    client: createClient({ url: server.url, retries: 0 }),
    stop: async () => {
      await server.stop(1000);
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
