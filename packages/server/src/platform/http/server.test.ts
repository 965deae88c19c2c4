/** The HTTP server over real sockets: what is routed, what is refused, and how it says so. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { routes, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { createAuth } from '../auth/auth.ts';
import { authStore } from '../auth/store.ts';
import { createSystemClock } from '../clock.ts';
import type { TestDb } from '../db/testing.ts';
import { openTestDb } from '../db/testing.ts';
import { createLog } from '../log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Span } from '../telemetry/traces.ts';
import { bind, Stream } from './binding.ts';
import { createHttpServer } from './server.ts';
import type { HttpServer } from './server.ts';

const table = routes({
  'things.get': {
    method: 'GET',
    path: '/things/{thing}',
    permission: 'data.read',
    summary: 'One',
    params: z.object({ thing: z.string() }),
    query: z.object({ limit: z.coerce.number().int().max(10).default(5) }),
    response: z.object({ thing: z.string(), limit: z.int(), actor: z.string() }),
  },
  'things.make': {
    method: 'POST',
    path: '/things',
    permission: 'data.write',
    summary: 'Make',
    body: z.strictObject({ size: z.int().min(1) }),
    bodyLimitBytes: 100,
    status: 201,
    response: z.object({ size: z.int() }),
  },
  'things.fill': {
    method: 'PUT',
    path: '/things/{path+}',
    permission: 'data.write',
    summary: 'Fill',
    params: z.object({ path: z.string() }),
    body: 'bytes',
    bodyLimitBytes: 1_000_000,
    response: z.object({ path: z.string(), sizeBytes: z.int() }),
  },
  'things.fail': {
    method: 'DELETE',
    path: '/things',
    permission: 'data.write',
    summary: 'Fail',
    query: z.object({ how: z.string() }),
    response: z.object({}),
  },
  'things.many': {
    method: 'GET',
    path: '/many',
    permission: 'data.read',
    summary: 'Many',
    query: z.object({ count: z.coerce.number().int() }),
    response: z.object({ items: z.array(z.string()) }),
  },
  'things.follow': { method: 'GET', path: '/follow', permission: 'data.read', summary: 'Follow', response: 'events' },
  'things.bytes': { method: 'GET', path: '/bytes', permission: 'data.read', summary: 'Bytes', response: 'bytes' },
  'things.wait': { method: 'GET', path: '/wait', permission: 'data.read', summary: 'Wait', response: z.object({}) },
});

const clock = createSystemClock();
const logged: string[] = [];
const log = createLog({ level: 'error', now: clock.now, write: (line) => void logged.push(line) });
const spans: Span[] = [];
let opened: TestDb;
let auth: ReturnType<typeof createAuth>;
let server: HttpServer;
let port = 0;
let abandoned = 0;
let bytesRead = 0;
const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

const binding = bind(table, {
  'things.get': async ({ params, query }, caller) => ({ thing: params.thing, limit: query.limit, actor: caller.actor }),
  'things.make': async ({ body }) => ({ size: body.size }),
  'things.fill': async ({ params, body }) => {
    let sizeBytes = 0;
    for await (const chunk of body) sizeBytes += chunk.length;
    return { path: params.path, sizeBytes };
  },
  'things.fail': async ({ query }) => {
    if (query.how === 'known') throw new SlipwayError('not_found', { noun: 'thing', name: 'x', remedy: 'Make one.' });
    if (query.how === 'later') throw new SlipwayError('shutting_down');
    throw new Error('a secret of the inside');
  },
  'things.many': async ({ query }) => ({ items: Array.from({ length: query.count }, (_, i) => `grüße ${i}`) }),
  'things.bytes': async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      bytesRead++;
      yield Buffer.from('12345');
    }
    return new Stream(bytes(), { 'content-type': 'text/plain', 'content-length': '5' });
  },
  'things.follow': async (_request, { signal }) =>
    new Stream(
      (async function* () {
        yield 'data: first\n\n';
        await once(signal, 'abort');
      })(),
      { 'content-type': 'text/event-stream' },
    ),
  'things.wait': async (_request, { signal }) => {
    await clock.sleep(400, signal).catch(() => abandoned++);
    return {};
  },
});

async function start(): Promise<HttpServer> {
  const made = await createHttpServer({
    bindings: [binding],
    protocols: [],
    hot: { find: () => undefined },
    auth,
    clock,
    log,
    metrics: createMetrics(),
    traces: { record: (span) => void spans.push(span), dropped: () => 0, stop: async () => undefined },
  });
  return made;
}

before(async () => {
  opened = await openTestDb({ modules: [authStore] });
  auth = createAuth({ db: opened.db, clock, trustLoopback: true, allowedHosts: [] });
  server = await start();
  port = await server.listen('127.0.0.1', 0);
});
after(async () => {
  await server.close(100);
  await opened.close();
});

interface Refusal {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

async function ask(path: string, init: RequestInit = {}): Promise<Refusal & { readonly json: unknown }> {
  const answer = await fetch(url(path), init);
  const json: unknown = JSON.parse((await answer.text()) || 'null');
  const { error } = (json ?? {}) as { error?: { code: string; message: string } };
  return { status: answer.status, json, code: error?.code, message: error?.message };
}

const post = (body: string, type = 'application/json'): RequestInit => ({
  method: 'POST',
  body,
  headers: type === '' ? {} : { 'content-type': type },
});

/** Everything that comes back for these bytes until the connection ends. */
async function raw(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  let all = '';
  for await (const chunk of socket) all += String(chunk);
  return all;
}

test('a request is routed, parsed and answered with the headers that keep browsers careful', async () => {
  const answer = await fetch(url('/things/a%2Fb%20%C3%A4?limit=7'));
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { thing: 'a/b ä', limit: 7, actor: 'owner' });
  assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f]{32}$/);
  assert.equal(answer.headers.get('x-powered-by'), null);
  assert.equal(answer.headers.get('keep-alive'), 'timeout=65');
  assert.deepEqual((await ask('/things', post('{"size":3}'))).json, { size: 3 });
  assert.deepEqual((await ask('/things/a/b/c.txt', { method: 'PUT', body: 'x'.repeat(70_000) })).json, {
    path: 'a/b/c.txt',
    sizeBytes: 70_000,
  });
});

test('what does not fit is refused with the place, and nothing runs', async () => {
  const cases: readonly (readonly [string, RequestInit, number, string, RegExp?])[] = [
    ['/nothing', {}, 404, 'route_not_found', /GET \/nothing/],
    ['/things', {}, 404, 'route_not_found'],
    ['/things/', post('{}'), 404, 'route_not_found'],
    ['/THINGS/a', {}, 404, 'route_not_found'],
    ['/things/a?limit=11', {}, 400, 'request_invalid', /query\.limit/],
    ['/things/a?limit=x', {}, 400, 'request_invalid', /query\.limit/],
    ['/things', post('{"size":0}'), 400, 'request_invalid', /body\.size/],
    ['/things', post('{"size":1,"more":2}'), 400, 'request_invalid', /more/],
    ['/things', post('{"size":'), 400, 'body_not_json'],
    ['/things', post(''), 400, 'request_invalid', /body\.size/],
    ['/things', post('[]'), 400, 'request_invalid'],
    ['/things', post('{"size":1}', 'text/plain'), 415, 'media_type_unsupported', /text\/plain/],
    ['/things', post('{"size":1}', 'application/jsonish'), 415, 'media_type_unsupported'],
    ['/things', post(`{"size":${' '.repeat(100)}1}`), 413, 'body_too_large', /100 bytes/],
    ['/things/a', { headers: { authorization: 'Bearer wrong' } }, 401, 'not_authenticated'],
    ['/things/a', { headers: { origin: 'http://evil.example' } }, 403, 'origin_refused'],
    ['/nothing', { headers: { authorization: 'Bearer wrong' } }, 401, 'not_authenticated'],
  ];
  for (const [path, init, status, code, message] of cases) {
    const found = await ask(path, init);
    assert.deepEqual([found.status, found.code], [status, code], `${init.method ?? 'GET'} ${path}`);
    if (message) assert.match(found.message ?? '', message);
  }
  const { secret } = await auth.createToken({ name: 'reader', role: 'viewer', actor: 'owner' });
  const asReader = { authorization: `Bearer ${secret}` };
  assert.equal((await ask('/things/a', { headers: asReader })).status, 200);
  const denied = await ask('/things', { method: 'POST', headers: asReader, body: 'x'.repeat(500) });
  assert.deepEqual([denied.status, denied.code], [403, 'not_permitted']);
});

test('a path that cannot be decoded, or is too long, is the mistake of its caller', async () => {
  for (const path of ['/things/%ff', '/things/%', '/things/%zz', `/things/${'x'.repeat(2000)}`]) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, path.slice(0, 20));
    assert.match(answer, /"error":\{"code":"\w+"/);
  }
});

test('a streamed body ends at its limit, also when its length was not told', async () => {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 40; i++) yield Buffer.alloc(65_536);
  };
  const sent = httpRequest(url('/things/big'), { method: 'PUT' });
  sent.on('error', () => undefined);
  const [answer] = await Promise.all([
    once(sent, 'response') as Promise<[IncomingMessage]>,
    (async () => {
      for await (const chunk of chunks()) {
        if (sent.destroyed || !sent.writable) return;
        sent.write(chunk);
        await delay(1);
      }
      sent.end();
    })(),
  ]);
  assert.equal(answer[0].statusCode, 413);
  answer[0].resume();
});

test('failures: known ones as they are, unforeseen ones as an incident that only the log explains', async () => {
  logged.length = 0;
  assert.deepEqual(
    [(await ask('/things?how=known', { method: 'DELETE' })).code, logged.length],
    ['not_found', 0],
    'the mistake of a caller is no news for the log',
  );
  assert.equal((await ask('/things?how=later', { method: 'DELETE' })).status, 503);
  logged.length = 0;
  const answer = await fetch(url('/things?how=broken'), { method: 'DELETE' });
  const text = await answer.text();
  assert.equal(answer.status, 500);
  assert.ok(!text.includes('secret'), 'the inside stays inside');
  const id = answer.headers.get('x-request-id') ?? '?';
  assert.ok(text.includes(id), 'the incident is the id of the request');
  assert.ok(logged.some((line) => line.includes(id) && line.includes('a secret of the inside')));
});

test("a caller's trace goes on in ours; a malformed one begins anew", async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const answer = await fetch(url('/things/a'), { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
  assert.equal(answer.headers.get('x-request-id'), traceId);
  await answer.text();
  assert.ok(spans.some((span) => span.traceId === traceId && span.name === 'things.get'));
  const other = await fetch(url('/things/a'), { headers: { traceparent: `00-${traceId}` } });
  assert.notEqual(other.headers.get('x-request-id'), traceId);
  await other.text();
});

test('bytes that are no request are answered once and cut off', async () => {
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const answer = await raw(bytes);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, bytes.slice(0, 30));
    assert.match(answer, /"code":"http_malformed"/);
    assert.match(answer, /connection: close/);
  }
});

test('a handler hears that its client went away', async () => {
  const controller = new AbortController();
  const asked = fetch(url('/wait'), { signal: controller.signal });
  await delay(100);
  controller.abort();
  await assert.rejects(asked);
  for (let i = 0; i < 50 && abandoned === 0; i++) await delay(10);
  assert.equal(abandoned, 1);
});

test('a stopping server ends followers at once, lets running requests end, and then takes nobody', async () => {
  const other = await start();
  const otherPort = await other.listen('127.0.0.1', 0);
  const follower = await fetch(`http://127.0.0.1:${otherPort}/follow`);
  const waiting = fetch(`http://127.0.0.1:${otherPort}/wait`);
  await delay(100);
  const startedMs = performance.now();
  const closing = other.close(5000);
  assert.equal(await follower.text(), 'data: first\n\n');
  assert.ok(performance.now() - startedMs < 350, 'before the other request has ended');
  assert.equal((await waiting).status, 200);
  await closing;
  await assert.rejects(fetch(`http://127.0.0.1:${otherPort}/things/a`));
});

test('a port that is taken is said in a sentence', async () => {
  const other = await start();
  await assert.rejects(other.listen('127.0.0.1', port), { code: 'port_in_use' });
  await other.close(0);
});

test('a large answer is compressed for those who ask for it, and says the same', async () => {
  const ask = async (
    count: number,
    acceptEncoding: string,
  ): Promise<{ encoding: string | undefined; bytes: Buffer }> => {
    const sent = httpRequest(url(`/many?count=${count}`), { headers: { 'accept-encoding': acceptEncoding } }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const bytes = Buffer.concat(await response.toArray());
    assert.equal(response.headers['content-length'], String(bytes.length));
    assert.equal(response.headers.vary, 'accept-encoding');
    return { encoding: response.headers['content-encoding'], bytes };
  };
  const plain = await ask(2000, 'identity');
  assert.equal(plain.encoding, undefined);
  for (const accepted of ['gzip', 'br;q=1.0, GZIP;q=0.5', 'deflate, gzip']) {
    const packed = await ask(2000, accepted);
    assert.equal(packed.encoding, 'gzip', accepted);
    assert(packed.bytes.length < plain.bytes.length / 3);
    assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
  }
  for (const refused of ['br', 'gzip;q=0', 'gzip; q=0.0', 'xgzip', ''])
    assert.equal((await ask(2000, refused)).encoding, undefined, refused);
  assert.equal((await ask(2, 'gzip')).encoding, undefined, 'a small answer');
});

test('HEAD answers what GET would, without its body, and streams of events have none', async () => {
  const got = await fetch(url('/things/a?limit=2'));
  const head = await fetch(url('/things/a?limit=2'), { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-type'), got.headers.get('content-type'));
  assert.equal(head.headers.get('content-length'), String((await got.text()).length));
  assert.equal(await head.text(), '');
  assert.equal((await fetch(url('/things/a?limit=99'), { method: 'HEAD' })).status, 400);
  assert.equal((await fetch(url('/things'), { method: 'HEAD' })).status, 404);
  assert.equal((await fetch(url('/follow'), { method: 'HEAD' })).status, 404);
  const bytes = await fetch(url('/bytes'), { method: 'HEAD' });
  assert.deepEqual([bytes.status, bytes.headers.get('content-length'), bytesRead], [200, '5', 0]);
  assert.equal(await (await fetch(url('/bytes'))).text(), '12345');
});
