/**
 * Our failures in MLflow's words: `{error_code, message}` with the status that its clients expect. A deterministic
 * failure must never be a 5xx or a 429: the Python client would repeat it for minutes.
 */
import type { ErrorCode } from '@slipway/contract';
import { idToHex, isId, SlipwayError } from '@slipway/contract';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';
import { experimentIdToWire } from './ids.ts';

export type MlflowErrorCode =
  | 'INVALID_PARAMETER_VALUE'
  | 'BAD_REQUEST'
  | 'RESOURCE_ALREADY_EXISTS'
  | 'RESOURCE_DOES_NOT_EXIST'
  | 'ENDPOINT_NOT_FOUND'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_CONFLICT'
  | 'INVALID_STATE'
  | 'INTERNAL_ERROR'
  | 'NOT_IMPLEMENTED'
  | 'TEMPORARILY_UNAVAILABLE';

const statuses: Readonly<Record<MlflowErrorCode, number>> = {
  INVALID_PARAMETER_VALUE: 400,
  BAD_REQUEST: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  RESOURCE_DOES_NOT_EXIST: 404,
  ENDPOINT_NOT_FOUND: 404,
  PERMISSION_DENIED: 403,
  UNAUTHENTICATED: 401,
  RESOURCE_CONFLICT: 409,
  // MLflow itself answers 500, and its clients then retry what cannot succeed.
  INVALID_STATE: 400,
  INTERNAL_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
};

/** A failure that is MLflow's own: its wording is part of the protocol. */
export class MlflowError extends Error {
  readonly errorCode: MlflowErrorCode;
  constructor(errorCode: MlflowErrorCode, message: string) {
    super(message);
    this.name = 'MlflowError';
    this.errorCode = errorCode;
  }
}

export const invalidParameter = (message: string): MlflowError => new MlflowError('INVALID_PARAMETER_VALUE', message);

const codes: Partial<Readonly<Record<ErrorCode, MlflowErrorCode>>> = {
  not_found: 'RESOURCE_DOES_NOT_EXIST',
  already_exists: 'RESOURCE_ALREADY_EXISTS',
  not_authenticated: 'UNAUTHENTICATED',
  not_permitted: 'PERMISSION_DENIED',
  origin_refused: 'PERMISSION_DENIED',
  conflict: 'RESOURCE_CONFLICT',
  gate_not_passed: 'RESOURCE_CONFLICT',
  gate_used: 'RESOURCE_CONFLICT',
  version_in_use: 'RESOURCE_CONFLICT',
  approval_needed: 'RESOURCE_CONFLICT',
};

function errorCodeOf(error: SlipwayError): MlflowErrorCode {
  const known = codes[error.code];
  if (known !== undefined) return known;
  if (error.status < 500) return error.status === 404 ? 'RESOURCE_DOES_NOT_EXIST' : 'INVALID_PARAMETER_VALUE';
  return error.retryable ? 'TEMPORARILY_UNAVAILABLE' : 'INTERNAL_ERROR';
}

const hexOf = (id: string): string => (isId('run', id) ? idToHex('run', id) : id);

/** MLflow's wording where its clients and their tests know it; ours otherwise. */
function messageOf(error: SlipwayError): string {
  const text = (key: string): string => {
    const value = error.details[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const name = text('name');
  switch (`${error.code} ${text('noun')}`.trim()) {
    case 'not_found run':
      return `Run with id=${hexOf(name)} not found`;
    case 'not_found experiment':
      return `No Experiment with id=${isId('experiment', name) ? experimentIdToWire(name) : name} exists`;
    case 'not_found model':
      return `Registered Model with name=${name} not found`;
    case 'not_found logged model':
      return `Logged model with ID '${isId('loggedModel', name) ? `m-${idToHex('loggedModel', name)}` : name}' not found.`;
    case 'already_exists experiment':
      return `Experiment(name=${name}) already exists. Error: UNIQUE constraint failed: experiments.name`;
    case 'already_exists model':
      return `Registered Model (name=${name}) already exists.`;
    case 'run_deleted':
      return `The run ${hexOf(text('run'))} must be in the 'active' state. Current state is deleted.`;
    case 'experiment_deleted':
      return `The experiment ${text('experiment')} must be in the 'active' state. Current state is deleted.`;
    case 'param_changed':
      return (
        `Changing param values is not allowed. Param with key='${text('key')}' was already logged with value='${text('current')}' ` +
        `for run ID='${hexOf(text('run'))}'. Attempted logging new value '${text('value')}'.`
      );
    default:
      return error.message;
  }
}

const json = { 'content-type': 'application/json' };

export function errorAnswer(errorCode: string, message: string, status: number): ForeignAnswer {
  return { status, headers: json, body: JSON.stringify({ error_code: errorCode, message }) };
}

export function mlflowError(error: unknown): ForeignAnswer {
  if (error instanceof MlflowError) return errorAnswer(error.errorCode, error.message, statuses[error.errorCode]);
  if (!(error instanceof SlipwayError)) {
    return errorAnswer(
      'INTERNAL_ERROR',
      'The server met a condition that it believed impossible. Its log has the details.',
      500,
    );
  }
  const code = errorCodeOf(error);
  // Too large keeps its own status: 429, which MLflow's code would mean, is retried.
  return errorAnswer(code, messageOf(error), error.code === 'body_too_large' ? 413 : statuses[code]);
}

export const mlflowNotFound = (method: string, path: string): ForeignAnswer =>
  errorAnswer('ENDPOINT_NOT_FOUND', `${method} ${path} is not an endpoint of this server.`, 404);
