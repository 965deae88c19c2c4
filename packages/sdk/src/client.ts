/**
 * The typed client: its methods, parameters and answers are inferred from the contract's route table, so that it cannot
 * know less or more than the server. It runs on the platform's own `fetch`.
 *
 * - Errors arrive as `SlipwayError` with the server's code and details.
 * - What the server calls retryable is tried again with exponential backoff; a lost connection only where a second
 *   request does no harm (GET, PUT, DELETE) or where the request cannot have arrived.
 * - Bytes stream both ways; server-sent events are an `AsyncIterable` of parsed data.
 */
import type { Answer, ErrorBody, ErrorCode, Route, RouteTable, Sent } from '@slipway/contract';
import { errorCatalogue, SlipwayError } from '@slipway/contract';

const defaultTimeoutMs = 30_000;
const defaultRetries = 4;
const firstDelayMs = 100;
const longestDelayMs = 5_000;
const errorBodyShownChars = 200;

export interface ClientOptions {
  /** Where the server listens: `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Until the answer's head; for JSON answers, until its end. */
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly fetch?: typeof fetch;
}

// `{}` is a supertype of exactly those objects of which nothing is required.
type Member<Name extends string, T> = T extends undefined
  ? { readonly [N in Name]?: undefined }
  : Record<never, never> extends T
    ? { readonly [N in Name]?: T }
    : { readonly [N in Name]: T };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export type Request<R extends Route> = Member<'params', Sent<R>['params']> &
  Member<'query', Sent<R>['query']> &
  Member<'body', Sent<R>['body']>;

export type Reply<R extends Route> = R['response'] extends 'bytes'
  ? AsyncIterable<Uint8Array>
  : R['response'] extends 'events'
    ? AsyncIterable<unknown>
    : R['response'] extends 'text'
      ? string
      : Answer<R>;

type Arguments<R extends Route> =
  Record<never, never> extends Request<R>
    ? [request?: Request<R>, options?: CallOptions]
    : [request: Request<R>, options?: CallOptions];

export type Method<R extends Route> = (...args: Arguments<R>) => Promise<Reply<R>>;

type GroupNames<T> = keyof T extends infer K ? (K extends `${infer G}.${string}` ? G : never) : never;

/** `client.datasets.list({...})` for the operation `datasets.list`. */
export type Grouped<T extends RouteTable> = {
  readonly [G in GroupNames<T>]: {
    readonly [K in keyof T as K extends `${G}.${infer M}` ? M : never]: Method<T[K]>;
  };
};

export interface PlainRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
}

export type ClientOf<T extends RouteTable> = Grouped<T> & {
  call<K extends keyof T & string>(operation: K, ...args: Arguments<T[K]>): Promise<Reply<T[K]>>;
  /** Any JSON operation by path: for foreign protocols and for servers newer than this client. */
  request(request: PlainRequest, options?: CallOptions): Promise<unknown>;
};

interface RawRequest {
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
}

type FetchBody = NonNullable<RequestInit['body']>;

interface Wire {
  readonly method: string;
  readonly url: string;
  readonly response: 'json' | 'bytes' | 'events' | 'text';
  readonly body: FetchBody | AsyncIterable<Uint8Array> | undefined;
  readonly contentType: string | undefined;
  /** False for a stream: its bytes are gone after the first try. */
  readonly isRepeatable: boolean;
}

/**
 * @example
 * const client = createClient(allRoutes, { url: 'http://127.0.0.1:4000' });
 * const { items } = await client.datasets.list({ query: { limit: 10 } });
 */
export function createClientOf<const T extends RouteTable>(table: T, options: ClientOptions): ClientOf<T> {
  const base = options.url.replace(/\/+$/, '');
  const call = async (operation: string, request: RawRequest = {}, how: CallOptions = {}): Promise<unknown> => {
    const route = table[operation];
    if (route === undefined) throw new TypeError(`there is no operation "${operation}"`);
    return send(options, wireOf(base, route, request), how);
  };
  const plain = (request: PlainRequest, how: CallOptions = {}): Promise<unknown> => {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const contentType = body === undefined ? undefined : 'application/json';
    const { method, path } = request;
    return send(options, { method, url: base + path, response: 'json', body, contentType, isRepeatable: true }, how);
  };
  const groups = new Map<string, Record<string, unknown>>();
  for (const operation of Object.keys(table)) {
    const dot = operation.indexOf('.');
    const group = groups.get(operation.slice(0, dot)) ?? {};
    group[operation.slice(dot + 1)] = (request?: RawRequest, how?: CallOptions) => call(operation, request, how);
    groups.set(operation.slice(0, dot), group);
  }
  // Built from the same table that the type is inferred from.
  return { ...Object.fromEntries(groups), call, request: plain } as unknown as ClientOf<T>;
}

function wireOf(base: string, route: Route, request: RawRequest): Wire {
  const path = route.path.replace(/\{(\w+)(\+?)\}/g, (_, name: string, rest: string) => {
    const value = textOf(request.params?.[name] ?? '');
    return rest === '+' ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, textOf(value));
  }
  const response = typeof route.response === 'string' ? route.response : 'json';
  const url = `${base}${path}${query.size > 0 ? `?${query.toString()}` : ''}`;
  const common = { method: route.method, url, response } as const;
  if (route.body === 'bytes') {
    const body = request.body as AsyncIterable<Uint8Array> | Uint8Array;
    const isBuffer = body instanceof Uint8Array;
    // A Uint8Array over any buffer is a body; the DOM type only knows those over ArrayBuffer.
    const sent = isBuffer ? (body as Uint8Array<ArrayBuffer>) : body;
    return { ...common, body: sent, contentType: 'application/octet-stream', isRepeatable: isBuffer };
  }
  if (request.body === undefined) return { ...common, body: undefined, contentType: undefined, isRepeatable: true };
  return { ...common, body: JSON.stringify(request.body), contentType: 'application/json', isRepeatable: true };
}

/** Path and query values are text, numbers and booleans. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function send(options: ClientOptions, wire: Wire, how: CallOptions): Promise<unknown> {
  const retries = options.retries ?? defaultRetries;
  for (let attempt = 0; ; attempt++) {
    try {
      return await sendOnce(options, wire, how);
    } catch (error) {
      const isLast = attempt >= retries || !wire.isRepeatable || how.signal?.aborted === true;
      if (isLast || !mayRepeat(error, wire.method)) throw error;
      await pause(Math.min(longestDelayMs, firstDelayMs * 2 ** attempt), how.signal);
    }
  }
}

function mayRepeat(error: unknown, method: string): boolean {
  if (!(error instanceof SlipwayError)) return false;
  if (error.code !== 'server_unreachable') return error.retryable;
  return method !== 'POST' || error.details['cause'] === 'ECONNREFUSED';
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

async function sendOnce(options: ClientOptions, wire: Wire, how: CallOptions): Promise<unknown> {
  const timeoutMs = how.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs;
  const controller = new AbortController();
  const abort = (): void => controller.abort(how.signal?.reason);
  if (how.signal?.aborted) abort();
  how.signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(
    () => controller.abort(new SlipwayError('server_too_slow', { url: wire.url, timeoutMs })),
    timeoutMs,
  );
  const finish = (): void => {
    clearTimeout(timer);
    how.signal?.removeEventListener('abort', abort);
  };
  try {
    const response = await fetchWire(options, wire, controller.signal);
    if (!response.ok) throw await errorOf(response, wire);
    switch (wire.response) {
      case 'json':
        return response.status === 204 ? undefined : await jsonOf(response, wire);
      case 'text':
        return await response.text();
      case 'bytes':
        clearTimeout(timer);
        return bytesOf(response, finish);
      case 'events':
        clearTimeout(timer);
        return eventsOf(response, finish);
    }
  } catch (error) {
    finish();
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    if (wire.response === 'json' || wire.response === 'text') finish();
  }
}

async function fetchWire(options: ClientOptions, wire: Wire, signal: AbortSignal): Promise<Response> {
  const headers = new Headers();
  if (options.token !== undefined) headers.set('authorization', `Bearer ${options.token}`);
  if (wire.contentType !== undefined) headers.set('content-type', wire.contentType);
  const init: RequestInit & { duplex?: 'half' } = { method: wire.method, headers, signal };
  if (wire.body !== undefined) {
    // Node's fetch takes any async iterable of bytes as a streamed body.
    init.body = wire.body as FetchBody;
    init.duplex = 'half';
  }
  try {
    return await (options.fetch ?? fetch)(wire.url, init);
  } catch (error) {
    if (signal.aborted) throw error;
    const { cause: why } = error as { cause?: { code?: string; message?: string } };
    const cause = why?.code ?? why?.message ?? 'unknown';
    throw new SlipwayError('server_unreachable', { url: new URL(wire.url).origin, cause }, { cause: error });
  }
}

/** Something else may listen at the address, or a proxy may answer in the server's place. */
async function jsonOf(response: Response, wire: Wire): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    const shown = text.trim().slice(0, errorBodyShownChars).replaceAll(/\s+/g, ' ');
    const problem = `${wire.method} ${wire.url} answered ${response.status} without JSON: ${shown}`;
    throw new SlipwayError('answer_not_understood', { problem }, { cause: error });
  }
}

async function errorOf(response: Response, wire: Wire): Promise<SlipwayError> {
  const text = await response.text();
  const body = parseErrorBody(text);
  if (body === undefined) {
    const shown = text.trim().slice(0, errorBodyShownChars).replaceAll(/\s+/g, ' ');
    const problem = `${wire.method} ${wire.url} answered ${response.status}: ${shown}`;
    return new SlipwayError('answer_not_understood', { problem });
  }
  return new SlipwayError(body.error.code, body.error.details, { message: body.error.message });
}

function parseErrorBody(text: string): ErrorBody | undefined {
  try {
    const body = JSON.parse(text) as ErrorBody;
    return isKnownCode(body.error.code) ? body : undefined;
  } catch {
    return undefined;
  }
}

function isKnownCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}

async function* bytesOf(response: Response, finish: () => void): AsyncGenerator<Uint8Array> {
  try {
    if (response.body) yield* response.body;
  } finally {
    finish();
  }
}

async function* eventsOf(response: Response, finish: () => void): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    if (!response.body) return;
    for await (const chunk of response.body) {
      rest += decoder.decode(chunk, { stream: true });
      const events = rest.split(/\r?\n\r?\n/);
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = event
          .split(/\r?\n/)
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice(5).trimStart())
          .join('\n');
        if (data !== '') yield JSON.parse(data);
      }
    }
  } finally {
    finish();
  }
}
