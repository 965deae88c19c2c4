/** Reading request bodies: bounded, streamed, and with errors that say what was wrong. */
import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '@slipway/contract';

export const defaultBodyLimitBytes = 1024 * 1024;

/** The body's chunks, failing with `body_too_large` as soon as the limit is passed. */
export async function* limited(
  request: IncomingMessage,
  limitBytes: number,
  operation: string,
): AsyncGenerator<Uint8Array> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) throw new SlipwayError('body_too_large', { limitBytes, operation });
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new SlipwayError('body_too_large', { limitBytes, operation });
    yield chunk;
  }
}

export async function readBytes(request: IncomingMessage, limitBytes: number, operation: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of limited(request, limitBytes, operation)) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Parsed JSON, or undefined for an empty body. Content-Type must be JSON when there is a body. */
export async function readJson(request: IncomingMessage, limitBytes: number, operation: string): Promise<unknown> {
  const bytes = await readBytes(request, limitBytes, operation);
  return parseJsonBody(bytes, request.headers['content-type'] ?? '', operation);
}

/** Throws `media_type_unsupported`. */
export function checkJsonType(contentType: string, operation: string): void {
  if (contentType === 'application/json' || /^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) return;
  throw new SlipwayError('media_type_unsupported', {
    contentType: contentType.slice(0, 100),
    operation,
    accepted: 'application/json',
  });
}

/** The same of a body that was read. Throws `media_type_unsupported`, `body_not_json`. */
export function parseJsonBody(bytes: Buffer, contentType: string, operation: string): unknown {
  if (bytes.length === 0) return undefined;
  checkJsonType(contentType, operation);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new SlipwayError('body_not_json', { problem: error instanceof Error ? error.message : 'unreadable' });
  }
}
