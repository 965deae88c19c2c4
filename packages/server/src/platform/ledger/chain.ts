/**
 * The hash chain of the ledger.
 *
 *   digest(event) = sha256(canonical JSON of {actor, at, body, kind, subject})
 *   chain(n)      = sha256(chain(n-1) || n as 8 bytes, big endian || digest(n)),  chain(0) = 32 zero bytes
 *
 * The digest is fixed when the event is written, the chain when its place is known (sealing). The body takes part as the
 * stored text, so a change of any stored byte shows. A chain alone does not show a cut tail or a complete rewrite: the head
 * has to be kept elsewhere too. Cost: about 4 µs per event.
 */
import assert from 'node:assert/strict';
import { createHash, hash } from 'node:crypto';
import { canonicalJson } from '@slipway/contract';
import type { NewEvent } from '../db/db.ts';

/** Largest serialised body, bytes. An event reports a change; bulk data belongs into an object that the event names. */
export const bodyLimitBytes = 64 * 1024;

export const genesisChain: Uint8Array = new Uint8Array(32);

/** An event with its digest, not yet placed in the sequence. */
export interface UnsealedEvent {
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  /** Canonical JSON. */
  readonly body: string;
  readonly digest: Uint8Array;
}

export function eventDigest(event: Omit<UnsealedEvent, 'digest'>): Uint8Array {
  const text =
    `{"actor":${JSON.stringify(event.actor)},"at":${event.at},"body":${event.body},` +
    `"kind":${JSON.stringify(event.kind)},"subject":${JSON.stringify(event.subject)}}`;
  return hash('sha256', text, 'buffer');
}

export function chainAfter(previous: Uint8Array, seq: number, digest: Uint8Array): Uint8Array {
  const place = new Uint8Array(8);
  new DataView(place.buffer).setBigUint64(0, BigInt(seq));
  return createHash('sha256').update(previous).update(place).update(digest).digest();
}

/** Checks a new event and fixes its digest. */
export function prepareEvent(event: NewEvent, at: number): UnsealedEvent {
  assert(
    /^[a-z][a-z-]*\.[a-z][a-z-]*$/.test(event.kind),
    `"${event.kind}" is not an event kind: <module>.<what-happened>`,
  );
  assert(event.actor !== '' && event.subject !== '', `The event ${event.kind} needs an actor and a subject`);
  const body = canonicalJson(event.body);
  const sizeBytes = Buffer.byteLength(body);
  assert(
    sizeBytes <= bodyLimitBytes,
    `The body of ${event.kind} has ${sizeBytes} bytes, at most ${bodyLimitBytes} are allowed`,
  );
  const unsealed = { at, actor: event.actor, kind: event.kind, subject: event.subject, body };
  return { ...unsealed, digest: eventDigest(unsealed) };
}
