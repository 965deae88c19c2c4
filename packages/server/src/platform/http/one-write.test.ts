import assert from 'node:assert/strict';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { createOneWrite } from './one-write.ts';

const keepAliveTimeoutMs = 65_000;
const headers = { 'content-type': 'application/json' };

interface Answered {
  readonly byOneWrite: boolean[];
}

/** Answers `{"path":"..."}` after `delay` milliseconds of the query, in one write where it may; `?plain` never. */
async function start(): Promise<{ server: Server; port: number } & Answered & AsyncDisposable> {
  const oneWrite = createOneWrite(keepAliveTimeoutMs);
  const byOneWrite: boolean[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const body = JSON.stringify({ path: request.url });
    oneWrite.tell(Date.now());
    const isDone = request.url?.includes('plain') !== true && oneWrite.answer(request, response, { headers, body });
    byOneWrite.push(isDone);
    if (isDone) return;
    const length = ['content-length', String(body.length)];
    response.writeHead(200, ['x-content-type-options', 'nosniff', ...length, ...Object.entries(headers).flat()]);
    response.end(body);
  };
  const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    const delayMs = Number(/delay=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    request.on('end', () => setTimeout(answer, delayMs, request, response));
    request.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    byOneWrite,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const post = (path: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${more}Content-Length: 2\r\n\r\n{}`;

/** What comes back until `count` bodies are there, or the connection ends. */
async function exchange(socket: Socket, text: string, count: number): Promise<string> {
  let received = '';
  socket.write(text);
  const isThere = (): boolean => received.split('{"path"').length - 1 >= count && received.endsWith('}');
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received += String(chunk);
    if (isThere()) break;
  }
  return received;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return socket;
}

/** Header lines without case and order; the length and the path are the request's own. */
const shape = (answer: string): string[] =>
  (answer.split('\r\n\r\n')[0] ?? '')
    .toLowerCase()
    .replace(/date: .*/, 'date')
    .replace(/content-length: \d+/, 'length')
    .split('\r\n')
    .sort();

test('an answer in one write says what the ordinary one says, and the connection goes on', async () => {
  await using running = await start();
  const socket = await open(running.port);
  const fast = await exchange(socket, post('/a'), 1);
  const plain = await exchange(socket, post('/plain'), 1);
  const again = await exchange(socket, post('/b'), 1);
  assert.deepEqual(running.byOneWrite, [true, false, true]);
  assert.deepEqual(shape(fast), shape(plain));
  assert.ok(fast.endsWith('{"path":"/a"}') && again.endsWith('{"path":"/b"}'));
  assert.match(fast, /date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/);
  socket.destroy();
});

test('answers to requests in a row leave in their order', async () => {
  await using running = await start();
  const socket = await open(running.port);
  const text = post('/1?delay=40') + post('/2?delay=1') + post('/3?delay=20&plain') + post('/4');
  const received = await exchange(socket, text, 4);
  assert.deepEqual(
    [...received.matchAll(/"path":"\/(\d)/g)].map(([, n]) => n),
    ['1', '2', '3', '4'],
  );
  assert.ok((await exchange(socket, post('/5'), 1)).endsWith('{"path":"/5"}'));
  socket.destroy();
});

test('a connection that is not to be kept is left to node', async () => {
  await using running = await start();
  for (const text of [post('/close', 'Connection: close\r\n'), post('/old').replace('HTTP/1.1', 'HTTP/1.0')]) {
    const socket = await open(running.port);
    const ended = once(socket, 'close');
    assert.match(await exchange(socket, text, 2), /connection: close/i);
    await ended;
  }
  assert.deepEqual(running.byOneWrite, [false, false]);
});

test('a kept connection is idle afterwards: the server can close it, and has nothing open', async () => {
  await using running = await start();
  const socket = await open(running.port);
  await exchange(socket, post('/a'), 1);
  const ended = once(socket, 'close');
  running.server.closeIdleConnections();
  await ended;
  const count = await new Promise<number>((resolve) => running.server.getConnections((_, open) => resolve(open)));
  assert.equal(count, 0);
});

test('a client that went away is no failure', async () => {
  await using running = await start();
  const socket = await open(running.port);
  socket.write(post('/gone?delay=30'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 40));
  const next = await open(running.port);
  assert.ok((await exchange(next, post('/next'), 1)).endsWith('{"path":"/next"}'));
  next.destroy();
});
