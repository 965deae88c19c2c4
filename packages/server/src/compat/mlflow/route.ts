/** How an MLflow endpoint becomes routes: every one exists for the client under /api and for its console under /ajax-api. */
import type { Permission } from '@slipway/contract';
import type { ForeignAnswer, ForeignRequest, ForeignRoute } from '../../platform/http/foreign.ts';
import { mlflowError } from './errors.ts';
import type { Fields, WireObject } from './wire.ts';
import { answer, readFields } from './wire.ts';

export const clientPrefixes = ['/api', '/ajax-api'] as const;

/** A batch of 1000 metrics with long keys, or a dataset's profile. */
export const jsonLimitBytes = 32 * 1024 * 1024;

export interface Call {
  readonly fields: Fields;
  readonly actor: string;
  readonly request: ForeignRequest;
}

export interface Endpoint {
  readonly method: ForeignRoute['method'];
  /** After `/api/<version>`. */
  readonly path: string;
  readonly permission: Permission;
  readonly version?: '2.0' | '3.0';
  readonly handle: (call: Call) => Promise<WireObject>;
}

export function jsonRoutes(endpoints: readonly Endpoint[]): ForeignRoute[] {
  return endpoints.flatMap((endpoint) =>
    clientPrefixes.map((prefix) => ({
      method: endpoint.method,
      path: `${prefix}/${endpoint.version ?? '2.0'}${endpoint.path}`,
      permission: endpoint.permission,
      bodyMode: endpoint.method === 'GET' ? ('none' as const) : ('json' as const),
      bodyLimitBytes: jsonLimitBytes,
      error: mlflowError,
      handle: async (request: ForeignRequest): Promise<ForeignAnswer> =>
        answer(await endpoint.handle({ fields: readFields(request), actor: request.caller.actor, request })),
    })),
  );
}
