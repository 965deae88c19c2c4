/** Where commands find the server: `--url` or SLIPWAY_URL, else the local default; the token likewise. */
import { defaultPort } from '@slipway/server/config';
import type { Client } from 'slipway';
import { createClient } from 'slipway';

export interface Connection {
  readonly client: Client;
  readonly url: string;
}

export interface ConnectOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

export function connect(options: ConnectOptions): Connection {
  const url = options.url ?? process.env['SLIPWAY_URL'] ?? `http://127.0.0.1:${defaultPort}`;
  const token = options.token ?? process.env['SLIPWAY_TOKEN'];
  return { client: createClient({ url, ...(token === undefined ? {} : { token }) }), url };
}
