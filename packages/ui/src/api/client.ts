/**
 * The console's way to the API: operations by name, typed by the contract. The schemas themselves stay on the server, so
 * that the page does not carry them; what is needed at run time (method and path) is made from the contract by `npm run gen`.
 */
import type { AllRoutes, Answer, ErrorBody, Sent } from '@slipway/contract';
import { authorization, tellRefused } from './credentials.ts';
import { operations } from './operations.gen.ts';

export type Operation = keyof AllRoutes;

type Part<Name extends string, T> =
  Record<never, never> extends T ? { readonly [N in Name]?: T } : { readonly [N in Name]: T };

export type Ask<K extends Operation> = Part<'params', Sent<AllRoutes[K]>['params']> &
  Part<'query', Sent<AllRoutes[K]>['query']> &
  (Sent<AllRoutes[K]>['body'] extends undefined
    ? { readonly body?: undefined }
    : { readonly body: Sent<AllRoutes[K]>['body'] });

export type Reply<K extends Operation> = Answer<AllRoutes[K]>;

/** A refusal of the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  readonly isRetryable: boolean;
  /** What the message was made of: the place of a fault in a filter, the name that was not found. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    message: string,
    facts: {
      code: string;
      status: number;
      requestId?: string | undefined;
      isRetryable: boolean;
      details?: Readonly<Record<string, unknown>>;
    },
  ) {
    super(message);
    this.name = 'ApiError';
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.isRetryable = facts.isRetryable;
    this.details = facts.details ?? {};
  }
}

interface LooseAsk {
  readonly params?: Readonly<Record<string, string | number>> | undefined;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: unknown;
}

/** `/api/runs?limit=50`: what `ask` fetches, also for links and for the command bar. */
export function pathOf<K extends Operation>(operation: K, ask: LooseAsk = {}): string {
  const [, template] = operations[operation];
  const path = template.replace(/\{(\w+)(\+?)\}/g, (_, name: string, rest: string) => {
    const value = String(ask.params?.[name] ?? '');
    return rest === '+' ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(ask.query ?? {})) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

export const methodOf = (operation: Operation): string => operations[operation][0];

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    // The body of every refusal of this API.
    const { error } = JSON.parse(text) as ErrorBody;
    const { code, message, requestId, retryable, details } = error;
    return new ApiError(message, { code, status: response.status, requestId, isRetryable: retryable, details });
  } catch {
    return new ApiError(text.slice(0, 300) || `The server answered ${response.status}.`, {
      code: 'unknown',
      status: response.status,
      isRetryable: response.status >= 500,
    });
  }
}

export const unreachable = (): ApiError =>
  new ApiError('The server does not answer. Is it running?', { code: 'unreachable', status: 0, isRetryable: true });

/** A GET whose answer is read as it comes. */
export async function openStream(path: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(path, { headers: authorization(), signal });
  if (response.status === 401) tellRefused();
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function send(operation: Operation, ask: LooseAsk, signal: AbortSignal | undefined): Promise<Response> {
  const hasBody = ask.body !== undefined;
  let response: Response;
  try {
    response = await fetch(pathOf(operation, ask), {
      method: methodOf(operation),
      headers: { ...authorization(), ...(hasBody ? { 'content-type': 'application/json' } : {}) },
      ...(hasBody ? { body: JSON.stringify(ask.body) } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable();
  }
  if (response.status === 401) tellRefused();
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function ask<K extends Operation>(operation: K, request: Ask<K>, signal?: AbortSignal): Promise<Reply<K>> {
  const response = await send(operation, request as LooseAsk, signal);
  // The server answers by the schema that this type is inferred from.
  return (await response.json()) as Reply<K>;
}

/** For operations that answer with text or bytes that are text. */
export async function askText<K extends Operation>(
  operation: K,
  request: Ask<K>,
  signal?: AbortSignal,
): Promise<string> {
  return (await send(operation, request as LooseAsk, signal)).text();
}
