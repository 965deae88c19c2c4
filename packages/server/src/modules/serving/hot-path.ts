/**
 * Prediction requests taken before the framework, whatever their protocol: read the body, parse, score, log, answer.
 *
 * Requests that arrive in one turn of the event loop are scored and logged together (one write of the log, answers
 * released together), which costs less than any tuning of the single request. A lone caller would only pay for the wait,
 * so the default is to answer at once; every 16th request is held to the end of its turn as a probe, a turn that held
 * more than one switches to batching, and 8 turns of one in a row switch back.
 *
 * A small body arrives with its head: when the server's parser is done with what was received, the whole request is there
 * and is read at once, without the events of a stream. Only a body in several pieces is collected by them.
 *
 * The caller has been authenticated and authorised when a handler here gets the request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Prediction } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { BodyRequest } from '../../platform/http/body-request.ts';
import type { ForeignAnswer, HotAnswered, HotPath, HotPaths } from '../../platform/http/foreign.ts';
import type { OneWrite } from '../../platform/http/one-write.ts';
import { createOneWrite } from '../../platform/http/one-write.ts';
import { keepAliveHint } from '../../platform/http/idle-connections.ts';
import { keepAliveTimeoutMs } from '../../platform/http/server.ts';
import { findHeader } from '../../platform/http/raw-header.ts';
import type { PredictionRow } from './endpoint-runtime.ts';
import type { ScoringPort } from './scoring-port.ts';

const probeEvery = 16;
const lonelyTurnsMax = 8;
/** Paths that are kept; names come from requests, so there is a bound. */
const pathsMax = 1_000;

/** One protocol: a path with the endpoint's name in it, and how bodies become rows and predictions answers. */
export interface HotProtocol<Head = unknown, Request extends HotRequest = HotRequest> {
  /** For messages: `infer`. */
  readonly operation: string;
  /** The path is `before` + name of the endpoint + `after`. */
  readonly before: string;
  readonly after: string;
  /** Names that the route does not take are left to it. */
  readonly isEndpoint: (name: string) => boolean;
  readonly bodyLimitBytes: number;
  /** What the headers say of the body. Throws where they refuse it. */
  readonly readHead: (request: IncomingMessage) => Head;
  /** Throws what the protocol's route would throw. */
  parse(body: Buffer, head: Head, endpoint: string): Request;
  answer(endpoint: string, request: Request, predictions: readonly Prediction[]): ForeignAnswer;
  readonly error: (error: unknown, request: IncomingMessage) => ForeignAnswer;
}

export interface HotRequest {
  readonly rows: readonly PredictionRow[];
}

export interface HotPathDeps {
  readonly scoring: Pick<ScoringPort, 'predict' | 'settled'>;
  readonly clock: Clock;
  /** Where the time of answers with this status is counted; asked for once per path and status 200. */
  readonly series: (endpoint: string, status: number) => (seconds: number) => void;
  /** Unforeseen failures, answered with 500. */
  readonly report: (error: unknown) => void;
}

/** One path in use. */
interface Path extends HotPath {
  readonly protocol: HotProtocol;
  readonly endpoint: string;
  /** `endMs` is monotonic. */
  readonly answered: (status: number, target: Target, endMs: number) => void;
}

interface Target {
  readonly path: Path;
  readonly request: BodyRequest;
  readonly response: ServerResponse;
  readonly startMs: number;
}

interface Waiting extends Target {
  readonly head: unknown;
  /** Undefined until it was read. */
  body: Buffer | undefined;
}

/** What serving a request takes. */
interface Parts extends HotPathDeps {
  readonly oneWrite: OneWrite;
}

/** `find` knows the paths of these protocols; anything else is for the framework. */
export function createHotPaths(given: HotPathDeps, protocols: readonly HotProtocol[]): HotPaths {
  const deps: Parts = { ...given, oneWrite: createOneWrite(keepAliveTimeoutMs) };
  const push = createBatcher(deps, (batch) => serve(deps, batch));
  const paths = new Map<string, Path>();
  let tell: (answered: HotAnswered) => void = () => undefined;
  const makePath = (protocol: HotProtocol, endpoint: string): Path => {
    const { operation } = protocol;
    let good: ((seconds: number) => void) | undefined;
    const answered: Path['answered'] = (status, { request, startMs }, endMs) => {
      if (status === 200) good ??= deps.series(endpoint, status);
      const series = status === 200 && good !== undefined ? good : deps.series(endpoint, status);
      series((endMs - startMs) / 1000);
      tell({ path, request, status, startMs, endMs });
    };
    const handle: HotPath['handle'] = (request, response, startMs) =>
      accept(deps, { path, request, response, startMs }, push);
    const path: Path = { operation, protocol, endpoint, answered, handle };
    return path;
  };
  return {
    onAnswered: (listener) => {
      tell = listener;
    },
    find: (name) => {
      const known = paths.get(name);
      if (known !== undefined) return known;
      const protocol = protocols.find(({ before, after }) => name.startsWith(before) && name.endsWith(after));
      if (protocol === undefined) return undefined;
      const endpoint = name.slice(protocol.before.length, -protocol.after.length);
      if (!protocol.isEndpoint(endpoint)) return undefined;
      const path = makePath(protocol, endpoint);
      if (paths.size < pathsMax) paths.set(name, path);
      return path;
    },
  };
}

function accept(deps: Parts, target: Target, push: (waiting: Waiting) => void): void {
  const { request, response, path, startMs } = target;
  let head: unknown;
  try {
    head = path.protocol.readHead(request);
    const declared = findHeader(request, 'content-length');
    if (declared !== undefined) checkSize(path.protocol, Number(declared));
  } catch (error) {
    return refuse(deps, target, error);
  }
  push({ path, request, response, startMs, head, body: undefined });
}

function checkSize({ bodyLimitBytes: limitBytes, operation }: HotProtocol, sizeBytes: number): void {
  if (sizeBytes > limitBytes) throw new SlipwayError('body_too_large', { limitBytes, operation });
}

const noBytes = Buffer.alloc(0);

/** True when the whole body is there; otherwise the request comes back through `push`, or was refused. */
function isRead(deps: Parts, waiting: Waiting, push: (waiting: Waiting) => void): boolean {
  if (waiting.body !== undefined) return true;
  const { request, path } = waiting;
  const body = request.takeBody();
  if (body === undefined) {
    collect(deps, waiting, push);
    return false;
  }
  try {
    checkSize(path.protocol, body.length);
  } catch (error) {
    refuse(deps, waiting, error);
    return false;
  }
  waiting.body = body;
  return true;
}

/** A body in several pieces: its size is judged as they come. */
function collect(deps: Parts, waiting: Waiting, push: (waiting: Waiting) => void): void {
  const { request, path } = waiting;
  request.onBody((sizeBytes) => {
    try {
      checkSize(path.protocol, sizeBytes);
    } catch (error) {
      return refuse(deps, waiting, error);
    }
    waiting.body = request.takeBody();
    if (waiting.body !== undefined) push(waiting);
  });
}

/** Before the body was read: the connection cannot be used again. */
function refuse(deps: Parts, target: Target, error: unknown): void {
  const { request, path } = target;
  request.dropBody();
  const answer = path.protocol.error(error, request);
  sendAlone(deps, target, { ...answer, headers: { ...answer.headers, connection: 'close' } });
}

function createBatcher(deps: Parts, serveBatch: (batch: readonly Waiting[]) => void): (waiting: Waiting) => void {
  let pending: Waiting[] = [];
  let isTurning = false;
  let count = 0;
  let lonelyTurns = 0;
  const serveRead = (batch: readonly Waiting[]): void => {
    const whole = batch.filter((waiting) => isRead(deps, waiting, push));
    if (whole.length > 0) serveBatch(whole);
  };
  const flush = (): void => {
    const batch = pending;
    pending = [];
    if (batch.length > 1) {
      isTurning = true;
      lonelyTurns = 0;
    } else if (++lonelyTurns >= lonelyTurnsMax) {
      isTurning = false;
    }
    serveRead(batch);
  };
  const serveOne = (waiting: Waiting): void => serveRead([waiting]);
  const push = (waiting: Waiting): void => {
    if (!isTurning && pending.length === 0 && ++count % probeEvery !== 0) {
      // The parser has only seen the head yet; the body behind it is there when this turn's code has ended.
      if (waiting.body === undefined) process.nextTick(serveOne, waiting);
      else serveOne(waiting);
      return;
    }
    pending.push(waiting);
    if (pending.length === 1) setImmediate(flush);
  };
  return push;
}

interface Parsed {
  readonly waiting: Waiting;
  readonly request: HotRequest;
}

function serve(deps: Parts, batch: readonly Waiting[]): void {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) {
    const parsed = parse(deps, only);
    if (parsed !== undefined) serveEndpoint(deps, only.path.endpoint, [parsed]);
    return;
  }
  const byEndpoint = new Map<string, Parsed[]>();
  for (const waiting of batch) {
    const parsed = parse(deps, waiting);
    if (parsed === undefined) continue;
    const list = byEndpoint.get(waiting.path.endpoint);
    if (list === undefined) byEndpoint.set(waiting.path.endpoint, [parsed]);
    else list.push(parsed);
  }
  for (const [endpoint, list] of byEndpoint) serveEndpoint(deps, endpoint, list);
}

function parse(deps: Parts, waiting: Waiting): Parsed | undefined {
  const { path, body, head } = waiting;
  try {
    return { waiting, request: path.protocol.parse(body ?? noBytes, head, path.endpoint) };
  } catch (error) {
    fail(deps, waiting, error);
    return undefined;
  }
}

interface Answered {
  readonly waiting: Waiting;
  readonly answer: ForeignAnswer;
}

function serveEndpoint(deps: Parts, endpoint: string, list: readonly Parsed[]): void {
  const { scoring } = deps;
  const answered = scoreAll(deps, endpoint, list);
  if (answered.length === 0) return;
  const settled = scoring.settled(endpoint);
  const reply = (): void => {
    deps.oneWrite.tell(deps.clock.now());
    for (const { waiting, answer } of answered) send(deps, waiting, answer);
    const endMs = deps.clock.monotonic();
    for (const { waiting, answer } of answered) waiting.path.answered(answer.status, waiting, endMs);
  };
  if (settled === undefined) return reply();
  settled.then(reply, (error: unknown) => {
    for (const { waiting } of answered) fail(deps, waiting, error);
  });
}

/** Nothing of a refused batch was logged: each request is then judged alone, so that one cannot spoil the others. */
function scoreAll(deps: Parts, endpoint: string, list: readonly Parsed[]): Answered[] {
  try {
    return score(deps, endpoint, list);
  } catch (error) {
    const [only] = list;
    if (list.length > 1) return list.flatMap((one) => scoreAll(deps, endpoint, [one]));
    if (only !== undefined) fail(deps, only.waiting, error);
    return [];
  }
}

function score({ scoring }: HotPathDeps, endpoint: string, list: readonly Parsed[]): Answered[] {
  const [only] = list;
  const isOne = list.length === 1 && only !== undefined;
  const predictions = scoring.predict(
    endpoint,
    isOne ? only.request.rows : list.flatMap(({ request }) => request.rows),
  );
  let at = 0;
  return list.map(({ waiting, request }) => {
    const own = isOne ? predictions : predictions.slice(at, at + request.rows.length);
    at += request.rows.length;
    return { waiting, answer: waiting.path.protocol.answer(endpoint, request, own) };
  });
}

function fail(deps: Parts, waiting: Waiting, error: unknown): void {
  if (!(error instanceof SlipwayError) || error.status >= 500) deps.report(error);
  sendAlone(deps, waiting, waiting.path.protocol.error(error, waiting.request));
}

function sendAlone(deps: Parts, target: Target, answer: ForeignAnswer): void {
  send(deps, target, answer);
  target.path.answered(answer.status, target, deps.clock.monotonic());
}

function send({ oneWrite }: Parts, { request, response }: Target, answer: ForeignAnswer): void {
  if (response.writableEnded || response.headersSent || response.destroyed) return;
  const { status, headers = {}, body } = answer;
  const isText = typeof body === 'string';
  const sizeBytes = isText && answer.isAscii !== true ? Buffer.byteLength(body) : lengthOf(body);
  const isAscii = isText && sizeBytes === body.length;
  if (status === 200 && isAscii && oneWrite.answer(request, response, { headers, body })) return;
  const list = ['x-content-type-options', 'nosniff', 'content-length', String(sizeBytes), ...keepAlive];
  for (const name in headers) list.push(name, headers[name] ?? '');
  response.writeHead(status, list);
  if (isText) response.end(body, isAscii ? 'latin1' : 'utf8');
  else response.end(body instanceof Uint8Array ? body : undefined);
}

const keepAlive = ['keep-alive', keepAliveHint(keepAliveTimeoutMs)];

/** A stream has none of its own; predictions are not streamed. */
const lengthOf = (body: ForeignAnswer['body']): number =>
  typeof body === 'string' || body instanceof Uint8Array ? body.length : 0;
