/**
 * The route table's row: everything that anybody needs to know about one operation of Slipway's own API.
 * The server binds a handler to each row (a row without a handler, or without a permission, fails the start), the
 * OpenAPI document is made from the rows, and the typed client infers its methods from them.
 */
import type { z } from 'zod';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a token may be allowed to do. `public` needs no credentials: health and metrics only. */
export type Permission =
  | 'public'
  | 'data.read'
  | 'data.write'
  | 'quality.read'
  | 'quality.write'
  | 'features.read'
  | 'features.write'
  | 'tracking.read'
  | 'tracking.write'
  | 'registry.read'
  | 'registry.write'
  | 'registry.promote'
  | 'pipelines.read'
  | 'pipelines.run'
  | 'serving.read'
  | 'serving.deploy'
  | 'serving.predict'
  | 'serving.try'
  | 'monitoring.read'
  | 'monitoring.write'
  | 'automation.read'
  | 'automation.write'
  | 'governance.read'
  | 'projects.read'
  | 'projects.apply'
  | 'admin';

export interface Route {
  readonly method: Method;
  /** Path with `{name}` parameters. */
  readonly path: string;
  readonly permission: Permission;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** A schema for JSON, or `'bytes'` for a streamed body of any type. */
  readonly body?: z.ZodType | 'bytes';
  /** A schema for JSON, `'bytes'` for a streamed file, `'events'` for server-sent events, `'text'`. */
  readonly response: z.ZodType | 'bytes' | 'events' | 'text';
  /** 200 unless said. */
  readonly status?: number;
  /** Largest body in bytes; 1 MiB unless said. `Infinity` for streamed uploads. */
  readonly bodyLimitBytes?: number;
}

export type RouteTable = Readonly<Record<string, Route>>;

/** Keeps the literal type of a module's routes, keyed by operation id such as `datasets.list`. */
export function routes<const T extends RouteTable>(table: T): T {
  return table;
}

type Infer<T> = T extends z.ZodType ? z.output<T> : Record<never, never>;
type InferIn<T> = T extends z.ZodType ? z.input<T> : Record<never, never>;

/** What a handler receives after parsing. */
export interface Parsed<R extends Route> {
  readonly params: R['params'] extends z.ZodObject ? Infer<R['params']> : Record<never, never>;
  readonly query: R['query'] extends z.ZodObject ? Infer<R['query']> : Record<never, never>;
  readonly body: R['body'] extends 'bytes'
    ? AsyncIterable<Uint8Array>
    : R['body'] extends z.ZodType
      ? Infer<R['body']>
      : undefined;
}

/** What a client sends: the params and query members and the body, before defaults are filled in. */
export interface Sent<R extends Route> {
  readonly params: R['params'] extends z.ZodObject ? InferIn<R['params']> : Record<never, never>;
  readonly query: R['query'] extends z.ZodObject ? InferIn<R['query']> : Record<never, never>;
  readonly body: R['body'] extends 'bytes'
    ? AsyncIterable<Uint8Array> | Uint8Array
    : R['body'] extends z.ZodType
      ? InferIn<R['body']>
      : undefined;
}

export type Answer<R extends Route> = R['response'] extends z.ZodType ? Infer<R['response']> : unknown;
