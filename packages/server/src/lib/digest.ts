/** Digests as everything here spells them: `sha256:` and 64 hex digits. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@slipway/contract';

/** Of the bytes, or of the text in UTF-8. */
export function digestOfBytes(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Of the canonical JSON: equal data has equal digests, whatever the order of its members. Undefined members do not count. */
export function digestOfJson(value: unknown): string {
  return digestOfBytes(canonicalJson(value));
}
