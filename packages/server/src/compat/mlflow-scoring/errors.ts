/** Refusals in the words of MLflow's scoring server: `{"error_code", "message"}` with a status below 500. */
import { SlipwayError } from '@slipway/contract';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';

/** BAD_REQUEST: the body cannot be read as a table of the declared types. INVALID_PARAMETER_VALUE: the table is not the model's. */
export type ScoringErrorCode = 'BAD_REQUEST' | 'INVALID_PARAMETER_VALUE';

export class ScoringRefusal extends Error {
  readonly errorCode: ScoringErrorCode;
  constructor(errorCode: ScoringErrorCode, message: string) {
    super(message);
    this.name = 'ScoringRefusal';
    this.errorCode = errorCode;
  }
}

/** One place and one remedy per message: `dataframe_records[0].miles is "far"; the model takes a long`. */
export const badRequest = (message: string): ScoringRefusal => new ScoringRefusal('BAD_REQUEST', message);

export const invalidParameter = (message: string): ScoringRefusal =>
  new ScoringRefusal('INVALID_PARAMETER_VALUE', message);

/** A foreign value in a message, never longer than a line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

const json = { 'content-type': 'application/json' };

const errorBody = (code: string, message: string): string => JSON.stringify({ error_code: code, message });

function codeOf({ status }: SlipwayError): string {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'PERMISSION_DENIED';
  if (status === 404) return 'RESOURCE_DOES_NOT_EXIST';
  if (status === 409) return 'RESOURCE_CONFLICT';
  if (status === 503) return 'TEMPORARILY_UNAVAILABLE';
  return status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR';
}

export function scoringError(error: unknown): ForeignAnswer {
  if (error instanceof ScoringRefusal)
    return { status: 400, headers: json, body: errorBody(error.errorCode, error.message) };
  const known =
    error instanceof SlipwayError ? error : new SlipwayError('internal', { incident: 'see the server log' });
  return { status: known.status, headers: json, body: errorBody(codeOf(known), known.message) };
}
