/**
 * Prediction requests taken before the framework, whatever their protocol: collect the body, parse, score, log, answer.
 *
 * Requests that arrive in one turn of the event loop are scored and logged together (one write of the log, answers
 * released together), which costs less than any tuning of the single request. A lone caller would only pay for the wait,
 * so the default is to answer at once; every 16th request is held to the end of its turn as a probe, a turn that held
 * more than one switches to batching, and 8 turns of one in a row switch back.
 *
 * The caller has been authenticated and authorised when a handler here gets the request.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Prediction } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { ForeignAnswer, HotAnswered, HotPath, HotPaths } from '../../platform/http/foreign.ts';
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
  readonly readHead: (headers: IncomingHttpHeaders) => Head;
  /** Throws what the protocol's route would throw. */
  parse(body: Buffer, head: Head, endpoint: string): Request;
  answer(endpoint: string, request: Request, predictions: readonly Prediction[]): ForeignAnswer;
  readonly error: (error: unknown, headers: IncomingHttpHeaders) => ForeignAnswer;
}

export interface HotRequest {
  readonly rows: readonly PredictionRow[];
}

export interface HotPathDeps {
  readonly scoring: Pick<ScoringPort, 'predict' | 'settled'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Where the time of answers with this status is counted; asked for once per path and status 200. */
  readonly series: (endpoint: string, status: number) => (seconds: number) => void;
  /** Unforeseen failures, answered with 500. */
  readonly report: (error: unknown) => void;
}

/** One path in use. */
interface Path extends HotPath {
  readonly protocol: HotProtocol;
  readonly endpoint: string;
  readonly answered: (status: number, target: Target) => void;
}

interface Target {
  readonly path: Path;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly startMs: number;
}

interface Waiting extends Target {
  readonly head: unknown;
  readonly body: Buffer;
}

/** `find` knows the paths of these protocols; anything else is for the framework. */
export function createHotPaths(deps: HotPathDeps, protocols: readonly HotProtocol[]): HotPaths {
  const push = createBatcher((batch) => serve(deps, batch));
  const paths = new Map<string, Path>();
  let tell: (answered: HotAnswered) => void = () => undefined;
  const makePath = (protocol: HotProtocol, endpoint: string): Path => {
    const { operation } = protocol;
    let good: ((seconds: number) => void) | undefined;
    const answered = (status: number, { request, startMs }: Target): void => {
      const endMs = deps.now();
      if (status === 200) good ??= deps.series(endpoint, status);
      const series = status === 200 && good !== undefined ? good : deps.series(endpoint, status);
      series((endMs - startMs) / 1000);
      tell({ path, request, status, startMs, endMs });
    };
    const handle: HotPath['handle'] = (request, response, startMs) =>
      collect({ path, request, response, startMs }, push);
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

function collect(target: Target, push: (waiting: Waiting) => void): void {
  const { request, response, path, startMs } = target;
  const { bodyLimitBytes: limitBytes, operation } = path.protocol;
  let head: unknown;
  try {
    head = path.protocol.readHead(request.headers);
    const declared = request.headers['content-length'];
    if (declared !== undefined && Number(declared) > limitBytes) {
      throw new SlipwayError('body_too_large', { limitBytes, operation });
    }
  } catch (error) {
    return refuse(target, error);
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limitBytes) return refuse(target, new SlipwayError('body_too_large', { limitBytes, operation }));
    if (first === undefined) first = chunk;
    else (rest ??= []).push(chunk);
  });
  request.on('end', () => {
    const start = first ?? Buffer.alloc(0);
    push({
      path,
      request,
      response,
      startMs,
      head,
      body: rest === undefined ? start : Buffer.concat([start, ...rest]),
    });
  });
}

/** Before the body was read: the connection cannot be used again. */
function refuse(target: Target, error: unknown): void {
  const { request, path } = target;
  request.removeAllListeners('data').removeAllListeners('end');
  request.resume();
  const answer = path.protocol.error(error, request.headers);
  send(target, { ...answer, headers: { ...answer.headers, connection: 'close' } });
}

function createBatcher(serveBatch: (batch: readonly Waiting[]) => void): (waiting: Waiting) => void {
  let pending: Waiting[] = [];
  let isTurning = false;
  let count = 0;
  let lonelyTurns = 0;
  const flush = (): void => {
    const batch = pending;
    pending = [];
    if (batch.length > 1) {
      isTurning = true;
      lonelyTurns = 0;
    } else if (++lonelyTurns >= lonelyTurnsMax) {
      isTurning = false;
    }
    serveBatch(batch);
  };
  return (waiting) => {
    if (!isTurning && pending.length === 0 && ++count % probeEvery !== 0) return serveBatch([waiting]);
    pending.push(waiting);
    if (pending.length === 1) setImmediate(flush);
  };
}

interface Parsed {
  readonly waiting: Waiting;
  readonly request: HotRequest;
}

function serve(deps: HotPathDeps, batch: readonly Waiting[]): void {
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

function parse(deps: HotPathDeps, waiting: Waiting): Parsed | undefined {
  const { path, body, head } = waiting;
  try {
    return { waiting, request: path.protocol.parse(body, head, path.endpoint) };
  } catch (error) {
    fail(deps, waiting, error);
    return undefined;
  }
}

interface Answered {
  readonly waiting: Waiting;
  readonly answer: ForeignAnswer;
}

function serveEndpoint(deps: HotPathDeps, endpoint: string, list: readonly Parsed[]): void {
  const { scoring } = deps;
  const answered = scoreAll(deps, endpoint, list);
  if (answered.length === 0) return;
  const settled = scoring.settled(endpoint);
  const reply = (): void => {
    for (const { waiting, answer } of answered) send(waiting, answer);
  };
  if (settled === undefined) return reply();
  settled.then(reply, (error: unknown) => {
    for (const { waiting } of answered) fail(deps, waiting, error);
  });
}

/** Nothing of a refused batch was logged: each request is then judged alone, so that one cannot spoil the others. */
function scoreAll(deps: HotPathDeps, endpoint: string, list: readonly Parsed[]): Answered[] {
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

function fail(deps: HotPathDeps, waiting: Waiting, error: unknown): void {
  if (!(error instanceof SlipwayError) || error.status >= 500) deps.report(error);
  send(waiting, waiting.path.protocol.error(error, waiting.request.headers));
}

function send(target: Target, { status, headers, body }: ForeignAnswer): void {
  const { response, path } = target;
  const isText = typeof body === 'string';
  const bytes = isText ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : 0;
  if (!response.headersSent && !response.destroyed) {
    const list = ['x-content-type-options', 'nosniff', 'content-length', String(bytes)];
    for (const name in headers) list.push(name, headers[name] ?? '');
    response.writeHead(status, list);
    if (isText) response.end(body, bytes === body.length ? 'latin1' : 'utf8');
    else response.end(body instanceof Uint8Array ? body : undefined);
  }
  path.answered(status, target);
}
