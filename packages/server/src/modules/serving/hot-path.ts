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
import type { ForeignAnswer, HotCall, HotPath, HotPaths } from '../../platform/http/foreign.ts';
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
  /** Called once per request, after its answer was written. */
  readonly observe: (endpoint: string, status: number, seconds: number) => void;
  /** Unforeseen failures, answered with 500. */
  readonly report: (error: unknown) => void;
}

interface Waiting {
  readonly protocol: HotProtocol;
  readonly endpoint: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly call: HotCall;
  readonly head: unknown;
  readonly body: Buffer;
  readonly startedAt: number;
}

/** `find` knows the paths of these protocols; anything else is for the framework. */
export function createHotPaths(deps: HotPathDeps, protocols: readonly HotProtocol[]): HotPaths {
  const push = createBatcher((batch) => serve(deps, batch));
  const paths = new Map<string, HotPath>();
  return {
    find: (path) => {
      const known = paths.get(path);
      if (known !== undefined) return known;
      const protocol = protocols.find(({ before, after }) => path.startsWith(before) && path.endsWith(after));
      if (protocol === undefined) return undefined;
      const endpoint = path.slice(protocol.before.length, -protocol.after.length);
      if (!protocol.isEndpoint(endpoint)) return undefined;
      const hot: HotPath = {
        operation: protocol.operation,
        handle: (request, response, call) => collect(deps, { protocol, endpoint, request, response, call, push }),
      };
      if (paths.size < pathsMax) paths.set(path, hot);
      return hot;
    },
  };
}

interface Collecting extends Pick<Waiting, 'protocol' | 'endpoint' | 'request' | 'response' | 'call'> {
  readonly push: (waiting: Waiting) => void;
}

function collect(deps: HotPathDeps, { protocol, endpoint, request, response, call, push }: Collecting): void {
  const startedAt = deps.now();
  const to = { endpoint, response, call, startedAt };
  const refuse = (error: unknown): void => {
    request.removeAllListeners('data').removeAllListeners('end');
    request.resume();
    const answer = protocol.error(error, request.headers);
    send(deps, to, { ...answer, headers: { ...answer.headers, connection: 'close' } });
  };
  const { bodyLimitBytes, operation } = protocol;
  const tooLarge = (): SlipwayError => new SlipwayError('body_too_large', { limitBytes: bodyLimitBytes, operation });
  let head: unknown;
  try {
    head = protocol.readHead(request.headers);
  } catch (error) {
    return refuse(error);
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyLimitBytes) return refuse(tooLarge());
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > bodyLimitBytes) return refuse(tooLarge());
    if (first === undefined) first = chunk;
    else (rest ??= []).push(chunk);
  });
  request.on('end', () => {
    const start = first ?? Buffer.alloc(0);
    const body = rest === undefined ? start : Buffer.concat([start, ...rest]);
    push({ protocol, endpoint, request, response, call, head, body, startedAt });
  });
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
    if (parsed !== undefined) serveEndpoint(deps, only.endpoint, [parsed]);
    return;
  }
  const byEndpoint = new Map<string, Parsed[]>();
  for (const waiting of batch) {
    const parsed = parse(deps, waiting);
    if (parsed === undefined) continue;
    const list = byEndpoint.get(waiting.endpoint);
    if (list === undefined) byEndpoint.set(waiting.endpoint, [parsed]);
    else list.push(parsed);
  }
  for (const [endpoint, list] of byEndpoint) serveEndpoint(deps, endpoint, list);
}

function parse(deps: HotPathDeps, waiting: Waiting): Parsed | undefined {
  const { protocol, body, head, endpoint } = waiting;
  try {
    return { waiting, request: protocol.parse(body, head, endpoint) };
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
  let settled: Promise<void> | undefined;
  try {
    settled = scoring.settled(endpoint);
  } catch (error) {
    settled = Promise.reject(error as Error);
  }
  const reply = (): void => {
    for (const { waiting, answer } of answered) send(deps, waiting, answer);
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
    return { waiting, answer: waiting.protocol.answer(endpoint, request, own) };
  });
}

function fail(deps: HotPathDeps, waiting: Waiting, error: unknown): void {
  if (!(error instanceof SlipwayError) || error.status >= 500) deps.report(error);
  send(deps, waiting, waiting.protocol.error(error, waiting.request.headers));
}

type Target = Pick<Waiting, 'endpoint' | 'response' | 'call' | 'startedAt'>;

function send(deps: HotPathDeps, to: Target, { status, headers, body }: ForeignAnswer): void {
  const { response } = to;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : 0;
  if (!response.headersSent && !response.destroyed) {
    const list = ['x-content-type-options', 'nosniff', 'content-length', String(bytes)];
    for (const name in headers) list.push(name, headers[name] ?? '');
    response.writeHead(status, list);
    response.end(typeof body === 'string' || body instanceof Uint8Array ? body : undefined);
  }
  deps.observe(to.endpoint, status, (deps.now() - to.startedAt) / 1000);
  to.call.finished(status);
}
