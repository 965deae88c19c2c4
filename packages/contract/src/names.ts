import { z } from 'zod';

/** Names that people type: datasets, models, endpoints, pipelines. Unique per workspace. */
export const nameRule =
  'letters, digits, dot, dash and underscore, starting with a letter or digit, at most 128 characters';
export const namePattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const Name = z.string().regex(namePattern, nameRule);

/** `sha256:` and 64 hex digits: the identity of stored bytes. */
export const digestPattern: RegExp = /^sha256:[0-9a-f]{64}$/;
export const Digest = z.string().regex(digestPattern, 'sha256: followed by 64 hex digits');

/** Milliseconds since 1970 UTC. */
export const Instant = z.int().min(0).max(8_640_000_000_000_000);

export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  pageToken: z.string().max(2000).optional(),
});
