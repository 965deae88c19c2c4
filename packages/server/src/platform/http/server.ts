/**
 * The HTTP server: one port for everything. A request takes these steps, in this order, whatever its path:
 * Host and Origin check -> authentication -> route look-up -> authorisation -> parse -> handler -> answer.
 * Prediction paths are taken before the framework and go through the same authentication and authorisation.
 */
import type { Server, ServerResponse } from 'node:http';
import { createServer, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastify from 'fastify';
import type { z } from 'zod';
import type { Route } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Auth } from '../auth/auth.ts';
import type { Principal } from '../auth/principal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Histogram, Metrics } from '../telemetry/metrics.ts';
import type { Span, Traces } from '../telemetry/traces.ts';
import type { Binding, Caller } from './binding.ts';
import { Stream } from './binding.ts';
import { BodyRequest } from './body-request.ts';
import { defaultBodyLimitBytes, limited, readJson } from './body.ts';
import { checkPart } from './check-part.ts';
import { compressed } from './compress.ts';
import { errorAnswer, knownError, newRequestId, requestIdOf, traceIdOf } from './error-answer.ts';
import type { ForeignAnswer, ForeignProtocol, ForeignRoute, HotAnswered, HotPath, HotPaths } from './foreign.ts';
import { closeIdleConnections, keepAliveHint } from './idle-connections.ts';

export interface HttpOptions {
  readonly bindings: readonly Binding[];
  readonly protocols: readonly ForeignProtocol[];
  readonly hot: HotPaths;
  readonly auth: Auth;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traces: Traces;
}

export interface HttpServer {
  listen(host: string, port: number): Promise<number>;
  /** Stops accepting, ends event streams, lets running requests end within `graceMs`, then closes their connections. */
  close(graceMs: number): Promise<void>;
}

type RawHandler = (parsed: { params: unknown; query: unknown; body: unknown }, caller: Caller) => Promise<unknown>;

interface Deps extends HttpOptions {
  readonly seconds: Histogram;
  /** Aborted when the server stops: what follows events would never end by itself. */
  readonly stopping: AbortSignal;
  readonly onHotAnswered: (answered: HotAnswered) => void;
}

/** A connection that asks nothing for so long is closed; longer than the proxies' minute, so that they close first. */
export const keepAliveTimeoutMs = 65_000;
/** How often a stopping server closes the connections that have become idle. */
const idleSweepMs = 50;
const latencyBoundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const keepAlive = keepAliveHint(keepAliveTimeoutMs);
const jsonType = 'application/json; charset=utf-8';
const securityHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self' data:; connect-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

export async function createHttpServer(options: HttpOptions): Promise<HttpServer> {
  const seconds = options.metrics.histogram(
    'slipway_http_request_seconds',
    'Time to answer, by operation and status class.',
    latencyBoundsSeconds,
  );
  const stopping = new AbortController();
  const parts = { ...options, seconds, stopping: stopping.signal };
  const deps: Deps = { ...parts, onHotAnswered: createHotListener(parts) };
  options.hot.onAnswered?.(deps.onHotAnswered);
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: false, caseSensitive: true },
    exposeHeadRoutes: false,
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, _request, reply) => {
      const problem = error.code === 'FST_ERR_BAD_URL' ? 'the path cannot be decoded' : error.message;
      void sendError(deps, reply, new SlipwayError('http_malformed', { problem }), newRequestId());
    },
    serverFactory: (handler) => {
      server = createServer(
        {
          IncomingMessage: BodyRequest,
          requestTimeout: requestLimitMs,
          headersTimeout: 30_000,
          keepAliveTimeout: 0,
          maxHeaderSize: 16_384,
        },
        (request, response) => {
          const path = request.method === 'POST' ? (request.url ?? '') : '';
          const hot = path === '' ? undefined : options.hot.find(path);
          if (hot !== undefined) return takeHot(deps, hot, request, response);
          idle.hold(response);
          response.setHeader('keep-alive', keepAlive);
          handler(request, response);
        },
      );
      const idle = closeIdleConnections(server, { clock: options.clock, limitMs: keepAliveTimeoutMs });
      return server;
    },
  });
  // Bodies are read by the routes themselves, with their own limits: the framework never buffers one.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
  for (const binding of options.bindings) mount(app, deps, binding);
  for (const protocol of options.protocols) for (const route of protocol.routes) mountForeign(app, deps, route);
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const prefix = options.protocols.flatMap((p) => p.prefixes).find((p) => path.startsWith(p.prefix));
    try {
      await options.auth.authenticate(request.raw);
      if (prefix) return sendForeign(reply, prefix.notFound(request.method, path));
      throw new SlipwayError('route_not_found', { method: request.method, path: path.slice(0, 300) });
    } catch (error) {
      return sendError(deps, reply, error, newRequestId());
    }
  });
  app.setErrorHandler((error, _request, reply) => sendError(deps, reply, error, newRequestId()));
  await app.ready();
  return {
    listen: async (host, port) => {
      try {
        await app.listen({ host, port });
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'EADDRINUSE') throw new SlipwayError('port_in_use', { port, host }, { cause: error });
        if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
          throw new SlipwayError('config_invalid', {
            setting: 'host and port',
            value: `${host}:${port}`,
            rule: `this machine does not allow listening there (${code})`,
          });
        }
        throw error;
      }
      const address = server?.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    close: async (graceMs) => {
      stopping.abort(new Error('the server is stopping'));
      const cut = options.clock.after(graceMs, () => server?.closeAllConnections());
      // A connection that answers its last request only now would otherwise stay open for its client's next one.
      const sweep = setInterval(() => server?.closeIdleConnections(), idleSweepMs);
      await app.close();
      clearInterval(sweep);
      cut();
    },
  };
}

/** A whole request, head and body, has to arrive within this time. */
const requestLimitMs = 300_000;

/** Bytes that the HTTP parser refused, or a request that came too slowly: there is no request to route, only a socket to answer and close. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const known =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new SlipwayError('request_timed_out', { limitMs: requestLimitMs })
      : new SlipwayError('http_malformed', { problem: error.code ?? error.message });
  const body = JSON.stringify(known.toBody());
  socket.end(
    `HTTP/1.1 ${known.status} ${STATUS_CODES[known.status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function takeHot(deps: Deps, path: HotPath, request: BodyRequest, response: ServerResponse): void {
  request.keepBody();
  const startMs = deps.clock.monotonic();
  const refuse = (error: unknown): void => refuseHot(deps, path, { request, response, startMs, error });
  try {
    const principal = deps.auth.authenticate(request);
    if (principal instanceof Promise) {
      principal
        .then((found) => {
          deps.auth.authorise(found, 'serving.predict');
          path.handle(request, response, startMs);
        })
        .catch(refuse);
      return;
    }
    deps.auth.authorise(principal, 'serving.predict');
    path.handle(request, response, startMs);
  } catch (error) {
    refuse(error);
  }
}

interface RefusedHot {
  readonly request: BodyRequest;
  readonly response: ServerResponse;
  readonly startMs: number;
  readonly error: unknown;
}

function refuseHot(deps: Deps, path: HotPath, { request, response, startMs, error }: RefusedHot): void {
  request.dropBody();
  const requestId = requestIdOf(request);
  const { status, body } = failure(deps, error, requestId);
  response.writeHead(status, {
    ...securityHeaders,
    'content-type': jsonType,
    'x-request-id': requestId,
    'keep-alive': keepAlive,
  });
  response.end(body);
  deps.onHotAnswered({ path, request, status, startMs, endMs: deps.clock.monotonic() });
}

/** Counts answers of hot paths; the series of each operation and status class is looked up once. */
function createHotListener({ seconds, clock, traces }: Omit<Deps, 'onHotAnswered'>): Deps['onHotAnswered'] {
  const known = new Map<string, ((seconds: number) => void)[]>();
  return ({ path, request, status, startMs, endMs }) => {
    const statusClass = Math.floor(status / 100);
    let byClass = known.get(path.operation);
    if (byClass === undefined) known.set(path.operation, (byClass = []));
    byClass[statusClass] ??= seconds.series({ operation: path.operation, status: `${statusClass}xx` });
    byClass[statusClass]((endMs - startMs) / 1000);
    // A span for who traces: without a trace of the caller's, a prediction is worth a count only.
    const traceId = traceIdOf(request);
    if (traceId === undefined) return;
    const endAt = clock.now();
    const startAt = endAt - Math.round(endMs - startMs);
    traces.record(spanOf({ name: path.operation, startAt, endAt, requestId: traceId, status }));
  };
}

function callerOf(request: FastifyRequest, reply: FastifyReply, principal: Principal, requestId: string): Caller {
  const controller = new AbortController();
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client went away'));
  });
  const { actor, permissions } = principal;
  return { actor, permissions, requestId, signal: controller.signal, headers: request.raw.headers };
}

/** Answers that follow events end with the server; all others get its grace. */
function followerOf(caller: Caller, deps: Deps): Caller {
  return { ...caller, signal: AbortSignal.any([caller.signal, deps.stopping]) };
}

interface Finished {
  readonly name: string;
  readonly startAt: number;
  readonly requestId: string;
  readonly status: number;
}

function finish(deps: Deps, { name, startAt, requestId, status }: Finished): void {
  const endAt = deps.clock.now();
  deps.seconds.observe({ operation: name, status: `${Math.floor(status / 100)}xx` }, (endAt - startAt) / 1000);
  deps.traces.record(spanOf({ name, startAt, endAt, requestId, status }));
}

interface Answered extends Finished {
  readonly endAt: number;
}

const spanOf = ({ name, startAt, endAt, requestId, status }: Answered): Span => ({
  traceId: requestId,
  spanId: requestId.slice(0, 16),
  name,
  startAt,
  endAt,
  attributes: { 'http.response.status_code': status },
  failed: status >= 500,
});

function mount(app: FastifyInstance, deps: Deps, binding: Binding): void {
  for (const [name, route] of Object.entries(binding.table)) {
    // The binding's own types tied this handler to this row; here all rows are alike.
    const handle = binding.handlers[name] as RawHandler | undefined;
    if (handle === undefined) throw new Error(`route ${name} has no handler`);
    app.route({
      method: route.method,
      url: fastifyPath(route.path),
      // A stream of events has no end that a HEAD could answer without.
      exposeHeadRoute: route.method === 'GET' && route.response !== 'events',
      handler: async (request, reply) => {
        const requestId = requestIdOf(request.raw);
        const startAt = deps.clock.now();
        reply.header('x-request-id', requestId);
        try {
          const principal = await deps.auth.authenticate(request.raw);
          deps.auth.authorise(principal, route.permission);
          const caller = callerOf(request, reply, principal, requestId);
          const asking = route.response === 'events' ? followerOf(caller, deps) : caller;
          const answer = await handle(await parse(name, route, request), asking);
          return await send(reply, route, answer);
        } catch (error) {
          return sendError(deps, reply, error, requestId);
        } finally {
          finish(deps, { name, startAt, requestId, status: reply.statusCode });
        }
      },
    });
  }
}

async function parse(
  name: string,
  route: Route,
  request: FastifyRequest,
): Promise<{ params: unknown; query: unknown; body: unknown }> {
  const limitBytes = route.bodyLimitBytes ?? defaultBodyLimitBytes;
  const params = check(name, 'path', route.params, pathParams(route.path, request.params));
  const query = check(name, 'query', route.query, request.query);
  if (route.body === 'bytes') return { params, query, body: limited(request.raw, limitBytes, name) };
  if (route.body === undefined) return { params, query, body: undefined };
  return { params, query, body: check(name, 'body', route.body, await readJson(request.raw, limitBytes, name)) };
}

function check(operation: string, part: string, schema: z.ZodType | undefined, value: unknown): unknown {
  return schema === undefined ? {} : checkPart(operation, part, schema, value);
}

const fastifyPath = (path: string): string => path.replace(/\{(\w+)\+\}/g, '*').replace(/\{(\w+)\}/g, ':$1');

function pathParams(path: string, params: unknown): Record<string, string> {
  const given = params as Record<string, string>;
  const rest = /\{(\w+)\+\}/.exec(path)?.[1];
  const { '*': star, ...named } = given;
  return rest !== undefined && star !== undefined ? { ...named, [rest]: star } : named;
}

async function send(reply: FastifyReply, route: Route, answer: unknown): Promise<FastifyReply> {
  reply.headers(securityHeaders);
  if (answer instanceof Stream) return sendStream(reply, answer);
  const { bytes, encoding } = await compressed(JSON.stringify(answer ?? {}), reply.request.headers['accept-encoding']);
  if (encoding !== undefined) reply.header('content-encoding', encoding);
  return reply
    .code(route.status ?? 200)
    .header('content-type', jsonType)
    .header('vary', 'accept-encoding')
    .send(bytes);
}

function sendStream(reply: FastifyReply, stream: Stream): FastifyReply {
  const head = reply.code(stream.status).headers({ ...securityHeaders, ...stream.headers });
  // Its length is in the headers where it is known; for HEAD the bytes are left unread.
  return head.send(Readable.from(reply.request.method === 'HEAD' ? [] : stream.body));
}

/** The status and body of a failure; the log has what nobody foresaw. */
function failure(deps: Deps, error: unknown, requestId: string): { readonly status: number; readonly body: string } {
  const known = knownError(error, requestId);
  if (known.status >= 500) deps.log.error('request failed', { requestId, code: known.code, error });
  return errorAnswer(known, requestId);
}

function sendError(deps: Deps, reply: FastifyReply, error: unknown, requestId: string): FastifyReply {
  // A client that went away wants no answer, and that what was done for it was cut off is no failure.
  if (reply.raw.destroyed) return reply;
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return reply;
  }
  const known = failure(deps, error, requestId);
  // An unread body is left to the connection's close: reading megabytes only to refuse them would help nobody.
  if (!reply.request.raw.complete) reply.header('connection', 'close');
  return reply.code(known.status).headers(securityHeaders).header('content-type', jsonType).send(known.body);
}

function mountForeign(app: FastifyInstance, deps: Deps, route: ForeignRoute): void {
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    exposeHeadRoute: route.method === 'GET',
    handler: async (request, reply) => {
      const requestId = requestIdOf(request.raw);
      const startAt = deps.clock.now();
      const [path = '', search = ''] = request.url.split('?', 2);
      const name = `${route.method} ${route.path}`;
      try {
        const principal = await deps.auth.authenticate(request.raw);
        deps.auth.authorise(principal, route.permission);
        const limitBytes = route.bodyLimitBytes ?? (route.bodyMode === 'stream' ? Infinity : defaultBodyLimitBytes);
        const answer = await route.handle({
          params: pathParams(route.path, request.params),
          query: new URLSearchParams(search),
          json: route.bodyMode === 'json' ? await readJson(request.raw, limitBytes, name) : undefined,
          stream: limited(request.raw, limitBytes, name),
          caller: callerOf(request, reply, principal, requestId),
          path,
        });
        return sendForeign(reply, answer);
      } catch (error) {
        if (!(error instanceof SlipwayError) || error.status >= 500)
          deps.log.error('request failed', { requestId, operation: name, error });
        return sendForeign(reply, route.error(error, path));
      } finally {
        finish(deps, { name, startAt, requestId, status: reply.statusCode });
      }
    },
  });
}

function sendForeign(reply: FastifyReply, answer: ForeignAnswer): FastifyReply {
  reply.code(answer.status).headers({ ...securityHeaders, ...answer.headers });
  if (answer.body instanceof Stream)
    return sendStream(
      reply,
      new Stream(answer.body.body, { ...answer.body.headers, ...answer.headers }, answer.status),
    );
  return reply.send(typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body));
}
