/** Failures as answers, and the id that an answer, a log line and a span share. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { findHeader } from './raw-header.ts';

export const newRequestId = (): string => randomBytes(16).toString('hex');

/** The trace id of the caller's W3C header, where it has one. */
export function traceIdOf(request: IncomingMessage): string | undefined {
  const parent = findHeader(request, 'traceparent');
  return parent === undefined ? undefined : /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(parent)?.[1];
}

/** A caller's own trace id is kept, so that our log lines and spans join its trace. */
export const requestIdOf = (request: IncomingMessage): string => traceIdOf(request) ?? newRequestId();

/** An error of ours as it is; anything unforeseen becomes an incident that the log explains. */
export function knownError(error: unknown, requestId: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  if (error instanceof z.ZodError) {
    return new SlipwayError('request_invalid', { operation: 'the request', problem: z.prettifyError(error) });
  }
  return new SlipwayError('internal', { incident: requestId }, { cause: error });
}

export function errorAnswer(error: unknown, requestId: string): { readonly status: number; readonly body: string } {
  const known = knownError(error, requestId);
  return { status: known.status, body: JSON.stringify(known.toBody(requestId)) };
}
