/**
 * Keyset page tokens: the sort key of the last row of a page, with a fingerprint of the query, so that a token is refused
 * by any other query. Opaque to clients, not secret: it holds nothing that the page did not show.
 */
import { createHash } from 'node:crypto';
import { SlipwayError } from '@slipway/contract';

export type TokenCell = string | number | null;

/** Eight bytes of the digest: enough to notice a mix-up; nobody gains by forging one. */
export const fingerprintOf = (query: unknown): string =>
  createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 11);

export function encodePageToken(fingerprint: string, cells: readonly TokenCell[]): string {
  const plain = cells.map((cell) =>
    typeof cell === 'number' && !Number.isFinite(cell) ? { number: String(cell) } : cell,
  );
  return Buffer.from(JSON.stringify([fingerprint, ...plain])).toString('base64url');
}

/** The cells of a token. Throws `page_token_invalid` unless it has the fingerprint and `length` cells. */
export function decodePageToken(token: string, fingerprint: string, length: number): TokenCell[] {
  const refuse = (): never => {
    throw new SlipwayError('page_token_invalid', { token: token.slice(0, 100) });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return refuse();
  }
  if (!Array.isArray(parsed) || parsed[0] !== fingerprint || parsed.length !== length + 1) return refuse();
  return parsed.slice(1).map((cell: unknown): TokenCell => {
    if (cell === null || typeof cell === 'string' || typeof cell === 'number') return cell;
    if (typeof cell === 'object' && 'number' in cell && /^-?Infinity$/.test(String(cell.number)))
      return Number(cell.number);
    return refuse();
  });
}
