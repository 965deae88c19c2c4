import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyRequest } from './body-request.ts';

const limitBytes = 1000;

/** Answers the body: of `/stream` as a stream, of anything else as a kept body; more than the limit is refused. */
async function start(): Promise<{ readonly port: number } & AsyncDisposable> {
  const answer = (response: ServerResponse, body: Buffer): void => void response.end(body);
  const refuse = (request: BodyRequest, response: ServerResponse): void => {
    request.dropBody();
    response.writeHead(413, { connection: 'close' }).end();
  };
  const keep = (request: BodyRequest, response: ServerResponse): void => {
    request.keepBody();
    setImmediate(() => {
      const whole = request.takeBody();
      if (whole !== undefined) return answer(response, whole);
      request.onBody((sizeBytes) => {
        if (sizeBytes > limitBytes) return refuse(request, response);
        const body = request.takeBody();
        if (body !== undefined) answer(response, body);
      });
    });
  };
  const server = createServer({ IncomingMessage: BodyRequest }, (request, response) => {
    if (request.url === '/stream') void buffer(request).then((body) => answer(response, body));
    else keep(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const head = (path: string, more: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n\r\n`;
const lengthHead = (path: string, body: Buffer): string => head(path, `Content-Length: ${body.length}`);

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** The bodies of so many answers. */
async function bodies(socket: Socket, count: number): Promise<Buffer[]> {
  let received = Buffer.alloc(0);
  const found: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const end = received.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(received.toString('latin1', 0, Math.max(0, end)))?.[1]);
      if (end < 0 || received.length < end + 4 + length) break;
      found.push(received.subarray(end + 4, end + 4 + length));
      received = received.subarray(end + 4 + length);
    }
    if (found.length >= count) break;
  }
  return found;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a body is the same kept or streamed, whatever the pieces it came in, on one connection after another', async () => {
  await using server = await start();
  const socket = await open(server.port);
  const request = fc.record({
    path: fc.constantFrom('/keep', '/stream'),
    pieces: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }),
    isChunked: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ path, pieces, isChunked }) => {
      const body = Buffer.concat(pieces);
      const parts = pieces.filter((piece) => piece.length > 0).map((piece) => Buffer.from(piece));
      socket.write(isChunked ? head(path, 'Transfer-Encoding: chunked') : lengthHead(path, body));
      for (const part of parts) {
        await turn();
        if (isChunked) socket.write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, crlf]));
        else socket.write(part);
      }
      if (isChunked) socket.write('0\r\nX-Trailer: 1\r\n\r\n');
      assert.deepEqual(await bodies(socket, 1), [body]);
    }),
    { numRuns: 60 },
  );
  socket.destroy();
});

const crlf = Buffer.from('\r\n');

test('requests sent ahead are answered in their order', async () => {
  await using server = await start();
  const socket = await open(server.port);
  const sent = ['a', '', 'ccc', 'dd'].map((text) => Buffer.from(text));
  socket.write(sent.map((body, i) => lengthHead(i % 2 === 0 ? '/keep' : '/stream', body) + String(body)).join(''));
  assert.deepEqual(await bodies(socket, sent.length), sent);
  socket.destroy();
});

test('what is refused amid its body is answered, and the connection ends', async () => {
  await using server = await start();
  const socket = await open(server.port);
  socket.write(lengthHead('/keep', Buffer.alloc(100 * limitBytes)));
  await turn();
  socket.write(Buffer.alloc(2 * limitBytes));
  let received = '';
  for await (const chunk of socket) received += String(chunk);
  assert.match(received, /^HTTP\/1\.1 413 /);
});

test('a body is handed over once, and a caller that leaves amid one disturbs nobody', async () => {
  const taken: (string | undefined)[] = [];
  const server = createServer({ IncomingMessage: BodyRequest }, (request, response) => {
    request.keepBody();
    request.onBody(() => {
      if (!request.complete) return;
      taken.push(String(request.takeBody()), String(request.takeBody()));
      response.end('x');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const leaving = await open(port);
  leaving.write(`${lengthHead('/keep', Buffer.alloc(10))}12345`);
  await turn();
  leaving.destroy();
  const staying = await open(port);
  staying.write(`${lengthHead('/keep', Buffer.alloc(3))}abc`);
  await bodies(staying, 1);
  assert.deepEqual(taken, ['abc', '']);
  staying.destroy();
  server.close();
  await once(server, 'close');
});
