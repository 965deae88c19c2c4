/** Where commands find the server: `--url` or SLIPWAY_URL, else the local default; the token likewise. */
import { defaultPort } from '@slipway/server/config';
import type { Client, ClientOptions } from 'slipway';
import { createClient } from 'slipway';
import { CommandFailure } from './failure.ts';

export interface Connection {
  readonly client: Client;
  readonly url: string;
  /** The server is asked with a token. */
  readonly hasToken: boolean;
}

export interface ConnectOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

export function connect(options: ConnectOptions, how: Pick<ClientOptions, 'retries' | 'timeoutMs'> = {}): Connection {
  const url = addressOf(options.url, process.env['SLIPWAY_URL']);
  const token = tokenOf(options.token, process.env['SLIPWAY_TOKEN']);
  const client = createClient({ ...how, url, ...(token === undefined ? {} : { token }) });
  return { client, url, hasToken: token !== undefined };
}

function addressOf(flag: string | undefined, variable: string | undefined): string {
  const given = flag ?? (variable === '' ? undefined : variable);
  if (given === undefined) return `http://127.0.0.1:${defaultPort}`;
  const origin = flag === undefined ? 'SLIPWAY_URL' : '--url';
  const parsed = URL.parse(given);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new CommandFailure(
      'usage',
      `${origin} is "${given.slice(0, 200)}": it must be the address of a server, such as http://127.0.0.1:${defaultPort}`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '')
    throw new CommandFailure('usage', `${origin} must not carry credentials: put the token into SLIPWAY_TOKEN`);
  return given;
}

function tokenOf(flag: string | undefined, variable: string | undefined): string | undefined {
  const given = flag ?? (variable === '' ? undefined : variable);
  if (given === undefined) return undefined;
  const origin = flag === undefined ? 'SLIPWAY_TOKEN' : '--token';
  if (!/^[\x21-\x7e]+$/.test(given))
    throw new CommandFailure('usage', `${origin} has characters that no token has; tokens look like slw_0123…_abc…`);
  return given;
}
