/** Routes that speak somebody else's protocol: paths and bodies are theirs, authorisation and limits are ours. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Permission } from '@slipway/contract';
import type { BodyRequest } from './body-request.ts';
import type { Caller, Stream } from './binding.ts';

export interface ForeignRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed JSON for `json`, undefined for `none` and `stream`. */
  readonly json: unknown;
  readonly stream: AsyncIterable<Uint8Array>;
  readonly caller: Caller;
  /** The path as it came, for messages. */
  readonly path: string;
}

export interface ForeignAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A string is sent as it is (JSON already serialised by the protocol's own rules). */
  readonly body: string | Uint8Array | Stream;
  /** True where the protocol knows that its text is, so that nobody has to look. */
  readonly isAscii?: boolean;
}

export interface ForeignRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `{name}` parameters; a last segment `{name+}` takes the rest of the path. */
  readonly path: string;
  readonly permission: Permission;
  readonly bodyMode: 'json' | 'stream' | 'none';
  /** 1 MiB for JSON unless said; streams are unlimited unless said. */
  readonly bodyLimitBytes?: number;
  readonly handle: (request: ForeignRequest) => Promise<ForeignAnswer>;
  /** Turns an error of ours into the protocol's own error answer. */
  readonly error: (error: unknown, path: string) => ForeignAnswer;
}

/** Answers for paths below a protocol's prefix that no route matches. */
export interface ForeignPrefix {
  readonly prefix: string;
  readonly notFound: (method: string, path: string) => ForeignAnswer;
}

/** A compat folder's whole surface. */
export interface ForeignProtocol {
  readonly name: string;
  readonly routes: readonly ForeignRoute[];
  readonly prefixes: readonly ForeignPrefix[];
}

/**
 * A path taken before the framework: exact POST paths of predictions. Looked up per request, so a deployment change needs
 * no restart. The server has authenticated the caller and authorised it for `serving.predict` when `handle` gets the
 * request; `handle` owns request and response, and answers errors itself.
 */
export interface HotPaths {
  readonly find: (path: string) => HotPath | undefined;
  /** Whom to tell of every answer; one listener. */
  readonly onAnswered?: (listener: (answered: HotAnswered) => void) => void;
}

export interface HotPath {
  /** For metrics: `endpoints.predict`. */
  readonly operation: string;
  readonly handle: (request: BodyRequest, response: ServerResponse, startMs: number) => void;
}

export interface HotAnswered {
  readonly path: HotPath;
  readonly request: IncomingMessage;
  readonly status: number;
  /** Monotonic, from the request's head to its answer. */
  readonly startMs: number;
  readonly endMs: number;
}

export const noHotPaths: HotPaths = { find: () => undefined };
