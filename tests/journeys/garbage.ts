/** Seeded garbage: values near a schema, and values near nothing. */
import { z } from 'zod';

/** Mulberry32: small, seeded, good enough to vary requests. */
export function createRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const hostile: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53 + 2,
  0.1,
  '',
  ' ',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  "'; drop table tracking_run; --",
  '<script>alert(1)</script>',
  '\u0000',
  '\u202Eevil',
  '🛫'.repeat(100),
  'x'.repeat(5000),
  [],
  {},
  [[[[[[[[]]]]]]]],
  { __proto__: { admin: true }, constructor: 1 },
  'sha256:zz',
  'latest',
  '2013-02-30T00:00:00Z',
  'NaN',
];

export type Schema = Readonly<Record<string, unknown>>;

/** A value near the schema: mostly fitting, often not. */
export function near(schema: Schema, random: () => number, depth = 0): unknown {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  if (random() < 0.15 || depth > 6) return pick(hostile);
  if (Array.isArray(schema['enum'])) return pick(schema['enum'] as unknown[]);
  if ('const' in schema) return schema['const'];
  const options = (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
  if (options) return near(pick(options), random, depth + 1);
  switch (schema['type']) {
    case 'string':
      return pick([
        'flights',
        'a',
        'sha256:' + 'a'.repeat(64),
        'run_01k9zv3m5qf8s7c2x4a6b8d0eg',
        '2013-04-01',
        'latest',
        '1',
      ]);
    case 'integer':
    case 'number':
      return pick([0, 1, 2, 50, -5, 1e9, 1.5]);
    case 'boolean':
      return random() < 0.5;
    case 'array':
      return Array.from({ length: Math.floor(random() * 4) }, () =>
        near((schema['items'] ?? {}) as Schema, random, depth + 1),
      );
    case 'object': {
      const made: Record<string, unknown> = {};
      for (const [name, part] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
        if (random() < 0.85) made[name] = near(part, random, depth + 1);
      }
      if (typeof schema['additionalProperties'] === 'object')
        made['k'] = near(schema['additionalProperties'] as Schema, random, depth + 1);
      if (random() < 0.1) made['surprise'] = pick(hostile);
      return made;
    }
    default:
      return pick(hostile);
  }
}

/** As it stands in a path or a query: objects too, as a careless client would write them. */
export const shownAs = (value: unknown): string => `${value as string}`;

export const jsonSchema = (schema: z.ZodType): Schema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
