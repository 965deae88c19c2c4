import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { routes } from '@slipway/contract';
import { z } from 'zod';
import { createClientOf } from './client.ts';

const table = routes({
  'things.list': {
    method: 'GET',
    path: '/things',
    permission: 'public',
    summary: '',
    query: z.object({ limit: z.coerce.number().default(10), mark: z.string().optional() }),
    response: z.object({ items: z.array(z.string()) }),
  },
  'things.make': {
    method: 'POST',
    path: '/things/{thing}',
    permission: 'public',
    summary: '',
    params: z.object({ thing: z.string() }),
    body: z.object({ size: z.number() }),
    response: z.object({ size: z.number() }),
  },
  'things.put': {
    method: 'PUT',
    path: '/things/{thing}/files/{path+}',
    permission: 'public',
    summary: '',
    params: z.object({ thing: z.string(), path: z.string() }),
    body: 'bytes',
    response: z.object({ sizeBytes: z.number(), url: z.string() }),
  },
  'things.read': { method: 'GET', path: '/bytes', permission: 'public', summary: '', response: 'bytes' },
  'things.follow': { method: 'GET', path: '/events', permission: 'public', summary: '', response: 'events' },
  'things.log': { method: 'GET', path: '/text', permission: 'public', summary: '', response: 'text' },
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

async function serve(answer: Answer, options: { timeoutMs?: number; retries?: number } = {}) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`);
      answer(request, response, Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    seen,
    client: createClientOf(table, { url, token: 'slw_t', ...options }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

test('calls carry path, query, body and token, by name and by group', async () => {
  await using server = await serve((request, response, body) => {
    if (request.method === 'GET') json(response, 200, { items: ['a'] });
    else json(response, 200, JSON.parse(body.toString()));
  });
  assert.deepEqual(await server.client.things.list(), { items: ['a'] });
  assert.deepEqual(await server.client.call('things.list', { query: { limit: 3, mark: 'ä/b' } }), { items: ['a'] });
  assert.deepEqual(await server.client.things.make({ params: { thing: 'x y' }, body: { size: 4 } }), { size: 4 });
  assert.deepEqual(server.seen, [
    'GET /things Bearer slw_t',
    'GET /things?limit=3&mark=%C3%A4%2Fb Bearer slw_t',
    'POST /things/x%20y Bearer slw_t',
  ]);
  const never = async (): Promise<void> => {
    // @ts-expect-error the body is required
    await server.client.things.make({ params: { thing: 'x' } });
    // @ts-expect-error the parameter is misspelt
    await server.client.things.make({ params: { thin: 'x' }, body: { size: 1 } });
    // @ts-expect-error the group has no such operation
    await server.client.things.remove();
    // @ts-expect-error the answer has no such member
    void (await server.client.things.list()).rows;
  };
  assert.equal(typeof never, 'function');
});

test('bytes stream up and down', async () => {
  await using server = await serve((request, response, body) => {
    if (request.method === 'PUT') return json(response, 200, { sizeBytes: body.length, url: request.url });
    response.write('one ');
    response.end('two');
  });
  async function* upload(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    yield Buffer.from('defg');
  }
  const params = { thing: 't', path: 'a b/c' };
  assert.deepEqual(await server.client.things.put({ params, body: upload() }), {
    sizeBytes: 7,
    url: '/things/t/files/a%20b/c',
  });
  assert.equal((await server.client.things.put({ params, body: Buffer.from('xy') })).sizeBytes, 2);
  const parts: Uint8Array[] = [];
  for await (const part of await server.client.things.read()) parts.push(part);
  assert.equal(Buffer.concat(parts).toString(), 'one two');
});

test('events are parsed as they come, and stop when nobody listens', async () => {
  let isClosed = false;
  await using server = await serve((request, response) => {
    request.socket.on('close', () => (isClosed = true));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\ndata: {"n":1}\n\nda');
    setTimeout(() => response.write('ta: {"n":\ndata: 2}\n\n'), 10);
  });
  const seen: unknown[] = [];
  for await (const event of await server.client.things.follow()) {
    seen.push(event);
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [{ n: 1 }, { n: 2 }]);
  for (let i = 0; i < 100 && !isClosed; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert(isClosed, 'the connection is closed');
});

test('an error of the server keeps its code and details; what is not ours is called so', async () => {
  let status = 404;
  await using server = await serve((_, response) => {
    if (status === 404) {
      const details = { noun: 'thing', name: 'x' };
      return json(response, 404, {
        error: { code: 'not_found', message: 'There is no thing.', retryable: false, details },
      });
    }
    response.writeHead(502).end('<html>proxy</html>');
  });
  await assert.rejects(server.client.things.list(), {
    code: 'not_found',
    message: 'There is no thing.',
    details: { noun: 'thing', name: 'x' },
  });
  status = 502;
  await assert.rejects(server.client.things.list(), { code: 'answer_not_understood', message: /proxy/ });
  assert.equal(server.seen.length, 2, 'neither is tried again');
});

test('what may succeed later is tried again, and given up after the last try', async () => {
  let failures = 2;
  const busy = { error: { code: 'shutting_down', message: 'stopping', retryable: true, details: {} } };
  await using server = await serve(
    (_, response) => {
      if (failures-- > 0) json(response, 503, busy);
      else json(response, 200, { size: 1 });
    },
    { retries: 3 },
  );
  const make = { params: { thing: 'x' }, body: { size: 1 } };
  assert.deepEqual(await server.client.things.make(make), { size: 1 });
  assert.equal(server.seen.length, 3);
  failures = 100;
  await assert.rejects(server.client.things.make(make), { code: 'shutting_down' });
  assert.equal(server.seen.length, 7);
});

test('no server, a slow server and a caller who gives up', async () => {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const nobody = createClientOf(table, { url: `http://127.0.0.1:${port}`, retries: 1 });
  await assert.rejects(nobody.things.list(), { code: 'server_unreachable', message: /ECONNREFUSED.*slipway up/ });
  await using server = await serve(() => undefined, { timeoutMs: 50, retries: 0 });
  await assert.rejects(server.client.things.list(), { code: 'server_too_slow' });
  const giveUp = AbortSignal.timeout(20);
  await assert.rejects(server.client.things.list({}, { signal: giveUp, timeoutMs: 10_000 }), { name: 'TimeoutError' });
});
