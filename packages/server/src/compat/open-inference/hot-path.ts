/**
 * Inference requests taken before the framework: collect the body, parse, score, log, answer.
 *
 * Requests that arrive in one turn of the event loop are scored and logged together (one write of the log, answers
 * released together), which costs less than any tuning of the single request. A lone caller would only pay for the wait,
 * so the default is to answer at once; every 16th request is held to the end of its turn as a probe, a turn that held
 * more than one switches to batching, and 8 turns of one in a row switch back.
 * Parsing and messages are those of the route: the two cannot disagree.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Instance } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { ForeignAnswer, HotHandler, HotPaths } from '../../platform/http/foreign.ts';
import { inferError } from './errors.ts';
import { answerInfer, parseInfer } from './infer.ts';
import type { InferRequest } from './infer.ts';
import type { ScoringPort } from '../../modules/serving/index.ts';
import { mustInputs, readJsonLength, scoringBodyLimitBytes } from './routes.ts';

const PROBE_EVERY = 16;
const LONELY_TURNS = 8;
/** Endpoint names whose handlers are kept; names come from requests, so there is a bound. */
const HANDLERS_MAX = 1_000;
const before = '/v2/models/';
const after = '/infer';

export interface HotPathDeps {
  readonly scoring: ScoringPort;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called once per request, after its answer was written. */
  readonly observe: (endpoint: string, status: number, seconds: number) => void;
  /** Unforeseen failures, answered with 500. */
  readonly report: (error: unknown) => void;
}

interface Waiting {
  readonly endpoint: string;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly jsonLength: number | undefined;
  readonly startedAt: number;
}

/** `find` knows `/v2/models/{endpoint}/infer`; anything else is for the framework. */
export function createHotPaths(deps: HotPathDeps): HotPaths {
  const batcher = createBatcher((batch) => serve(deps, batch));
  const handlers = new Map<string, HotHandler>();
  return {
    find: (path) => {
      if (!path.startsWith(before) || !path.endsWith(after)) return undefined;
      const known = handlers.get(path);
      if (known !== undefined) return known;
      const endpoint = path.slice(before.length, -after.length);
      if (!/^[\w.-]+$/.test(endpoint)) return undefined;
      const handler: HotHandler = (request, response) => collect(deps, { endpoint, request, response, push: batcher });
      if (handlers.size < HANDLERS_MAX) handlers.set(path, handler);
      return handler;
    },
  };
}

interface Collecting {
  readonly endpoint: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly push: (waiting: Waiting) => void;
}

function collect(deps: HotPathDeps, { endpoint, request, response, push }: Collecting): void {
  const startedAt = deps.now();
  const refuse = (error: unknown): void => {
    request.removeAllListeners('data').removeAllListeners('end');
    request.resume();
    send(
      deps,
      { endpoint, response, startedAt },
      { ...inferError(error), headers: { 'content-type': 'application/json', connection: 'close' } },
    );
  };
  let jsonLength: number | undefined;
  try {
    jsonLength = readJsonLength(request.headers);
  } catch (error) {
    return refuse(error);
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > scoringBodyLimitBytes) {
      return refuse(new SlipwayError('body_too_large', { limitBytes: scoringBodyLimitBytes, operation: 'infer' }));
    }
    if (first === undefined) first = chunk;
    else (rest ??= []).push(chunk);
  });
  request.on('end', () => {
    const head = first ?? Buffer.alloc(0);
    push({
      endpoint,
      response,
      body: rest === undefined ? head : Buffer.concat([head, ...rest]),
      jsonLength,
      startedAt,
    });
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
    } else if (++lonelyTurns >= LONELY_TURNS) {
      isTurning = false;
    }
    serveBatch(batch);
  };
  return (waiting) => {
    if (!isTurning && pending.length === 0 && ++count % PROBE_EVERY !== 0) return serveBatch([waiting]);
    pending.push(waiting);
    if (pending.length === 1) setImmediate(flush);
  };
}

interface Parsed {
  readonly waiting: Waiting;
  readonly request: InferRequest;
}

function serve(deps: HotPathDeps, batch: readonly Waiting[]): void {
  const byEndpoint = new Map<string, Parsed[]>();
  for (const waiting of batch) {
    try {
      const inputs = mustInputs(deps.scoring, waiting.endpoint);
      const request = parseInfer({ bytes: waiting.body, jsonLength: waiting.jsonLength }, inputs);
      const list = byEndpoint.get(waiting.endpoint);
      if (list === undefined) byEndpoint.set(waiting.endpoint, [{ waiting, request }]);
      else list.push({ waiting, request });
    } catch (error) {
      fail(deps, waiting, error);
    }
  }
  for (const [endpoint, list] of byEndpoint) serveEndpoint(deps, endpoint, list);
}

function serveEndpoint(deps: HotPathDeps, endpoint: string, list: readonly Parsed[]): void {
  const { scoring } = deps;
  const answers: { readonly waiting: Waiting; readonly answer: ForeignAnswer }[] = [];
  const score = (part: readonly Parsed[]): void => {
    const instances: readonly Instance[] =
      part.length === 1 ? (part[0]?.request.instances ?? []) : part.flatMap(({ request }) => request.instances);
    const predictions = scoring.predict(endpoint, instances);
    let at = 0;
    for (const { waiting, request } of part) {
      const own = part.length === 1 ? predictions : predictions.slice(at, at + request.instances.length);
      at += request.instances.length;
      answers.push({ waiting, answer: answerInfer(endpoint, request, own) });
    }
  };
  try {
    score(list);
  } catch (error) {
    // Nothing of a refused batch was logged: each request is judged alone, so that one cannot spoil the others.
    if (list.length === 1) for (const { waiting } of list) fail(deps, waiting, error);
    else {
      for (const one of list) {
        try {
          score([one]);
        } catch (own) {
          fail(deps, one.waiting, own);
        }
      }
    }
  }
  if (answers.length === 0) return;
  const reply = (): void => {
    for (const { waiting, answer } of answers) send(deps, waiting, answer);
  };
  scoring.settled(endpoint).then(reply, (error: unknown) => {
    for (const { waiting } of answers) fail(deps, waiting, error);
  });
}

function fail(deps: HotPathDeps, waiting: Waiting, error: unknown): void {
  if (!(error instanceof SlipwayError) || error.status >= 500) deps.report(error);
  send(deps, waiting, inferError(error));
}

function send(
  deps: HotPathDeps,
  to: { readonly endpoint: string; readonly response: ServerResponse; readonly startedAt: number },
  { status, headers, body }: ForeignAnswer,
): void {
  const { response } = to;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : 0;
  if (!response.headersSent && !response.destroyed) {
    const list = ['x-content-type-options', 'nosniff', 'content-length', String(bytes)];
    for (const [name, value] of Object.entries(headers ?? {})) list.push(name, value);
    response.writeHead(status, list);
    response.end(typeof body === 'string' || body instanceof Uint8Array ? body : undefined);
  }
  deps.observe(to.endpoint, status, (deps.now() - to.startedAt) / 1000);
}
