/** How a module's routes meet the HTTP server: one handler per row of the contract's table, called after parse and authorise. */
import type { Answer, Parsed, Permission, Route, RouteTable } from '@slipway/contract';

export interface Caller {
  /** `owner`, `token:<name>`, `step:<run>`: written to the ledger as actor. */
  readonly actor: string;
  /** Beyond the one that the route asks for: for rules that name a role. */
  readonly permissions: ReadonlySet<Permission>;
  readonly requestId: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Lower-case header names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A streamed answer: a file, text, or server-sent events (objects become `data:` lines). */
export class Stream {
  readonly body: AsyncIterable<Uint8Array | string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  constructor(body: AsyncIterable<Uint8Array | string>, headers: Readonly<Record<string, string>>, status = 200) {
    this.body = body;
    this.headers = headers;
    this.status = status;
  }
}

export type Handler<R extends Route> = (
  request: Parsed<R>,
  caller: Caller,
) => Promise<R['response'] extends 'bytes' | 'events' | 'text' ? Stream : Answer<R>>;

export type Handlers<T extends RouteTable> = { readonly [K in keyof T]: Handler<T[K]> };

/** A module's table and handlers, to be mounted by main.ts. */
export interface Binding {
  readonly table: RouteTable;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Ties handlers to their table: a missing or misspelt one is a compile error. */
export function bind<T extends RouteTable>(table: T, handlers: Handlers<T>): Binding {
  return { table, handlers };
}
