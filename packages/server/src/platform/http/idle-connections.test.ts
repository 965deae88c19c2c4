import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { createSystemClock } from '../clock.ts';
import type { IdleConnections } from './idle-connections.ts';
import { closeIdleConnections } from './idle-connections.ts';

const limitMs = 60_000;
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A clock that stands still; passing a time sweeps as often as it would have been swept. */
function createStillClock(): { readonly clock: Clock; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  let due: { readonly atMs: number; readonly callback: () => void } | undefined;
  const after: Clock['after'] = (delayMs, callback) => {
    due = { atMs: nowMs + delayMs, callback };
    return () => (due = undefined);
  };
  const pass = (ms: number): void => {
    const untilMs = nowMs + ms;
    while (due !== undefined && due.atMs <= untilMs) {
      nowMs = due.atMs;
      due.callback();
    }
    nowMs = untilMs;
  };
  return { clock: { ...createSystemClock(), monotonic: () => nowMs, after }, pass };
}

type Answer = (idle: IdleConnections, request: IncomingMessage, response: ServerResponse) => void;

interface Running extends AsyncDisposable {
  readonly open: () => Promise<Socket>;
  readonly pass: (ms: number) => void;
}

async function start(answer: Answer): Promise<Running> {
  const listener: RequestListener = (asked, response) => answer(idle, asked, response);
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  const { clock, pass } = createStillClock();
  const idle = closeIdleConnections(server, { clock, limitMs });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    pass,
    open: async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.setEncoding('latin1');
      await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function ask(socket: Socket): Promise<string> {
  socket.write(request);
  const [text] = (await once(socket, 'data')) as [string];
  return text;
}

const closed = async (socket: Socket): Promise<unknown> => once(socket.resume(), 'close');

test('a connection that asks nothing more is closed after the limit, and one that never asked', async () => {
  await using server = await start((_, __, response) => response.end('answer'));
  const [asking, silent] = [await server.open(), await server.open()];
  await ask(asking);
  server.pass(limitMs * 0.9);
  assert.match(await ask(asking), /answer/);
  await Promise.all([closed(silent), Promise.resolve(server.pass(limitMs * 0.4))]);
  assert.match(await ask(asking), /answer/);
  await Promise.all([closed(asking), Promise.resolve(server.pass(limitMs * 1.5))]);
});

test('an answer that is held may take longer than the limit; after it the connection is idle again', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using server = await start((idle, _, response) => {
    idle.hold(response);
    asked.resolve(response);
  });
  const socket = await server.open();
  const answer = ask(socket);
  const response = await asked.promise;
  server.pass(limitMs * 10);
  response.end('late');
  assert.match(await answer, /late/);
  await Promise.all([closed(socket), Promise.resolve(server.pass(limitMs * 3))]);
});

test('an answer without an end that nobody holds does not keep its connection', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using server = await start((_, __, response) => asked.resolve(response));
  const socket = await server.open();
  socket.write(request);
  await asked.promise;
  await Promise.all([closed(socket), Promise.resolve(server.pass(limitMs * 3))]);
});
