/** Failures in the words of the Open Inference Protocol: `{"error": "..."}` and the status of our catalogue. */
import { SlipwayError } from '@slipway/contract';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';

const json = { 'content-type': 'application/json' };

export function inferError(error: unknown): ForeignAnswer {
  const known =
    error instanceof SlipwayError ? error : new SlipwayError('internal', { incident: 'see the server log' });
  return { status: known.status, headers: json, body: JSON.stringify({ error: known.message }) };
}

export const inferNotFound = (method: string, path: string): ForeignAnswer =>
  inferError(new SlipwayError('route_not_found', { method, path: path.slice(0, 300) }));

/** One place and one remedy per message: `inputs[0].data[3] is "x"; FP32 wants numbers`. */
export function refuse(operation: string, problem: string): SlipwayError {
  return new SlipwayError('request_invalid', { operation, problem });
}

/** A foreign value in a message, never longer than a line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
