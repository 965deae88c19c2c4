/** How an MLflow endpoint becomes routes: every one exists for the client under /api and for its console under /ajax-api. */
import type { Permission } from '@slipway/contract';
import type { ForeignAnswer, ForeignRequest, ForeignRoute } from '../../platform/http/foreign.ts';
import { mlflowError, MlflowError } from './errors.ts';
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

/** A refusal in MLflow's own words is an answer, not a failure of the server: only what is thrown past here is logged. */
export function refusing(handle: (request: ForeignRequest) => Promise<ForeignAnswer>): ForeignRoute['handle'] {
  return async (request) => {
    try {
      return await handle(request);
    } catch (error) {
      if (error instanceof MlflowError) return mlflowError(error);
      throw error;
    }
  };
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
      handle: refusing(async (request) =>
        answer(await endpoint.handle({ fields: readFields(request), actor: request.caller.actor, request })),
      ),
    })),
  );
}
