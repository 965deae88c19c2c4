/**
 * Garbage in: for every operation of the route table, seeded requests made from its own schemas (near misses, wrong types,
 * huge, hostile and empty values) must be answered in time, below 500, with an error of the catalogue.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '@slipway/contract';
import { allRoutes, errorCatalogue } from '@slipway/contract';
import { z } from 'zod';
import { startTestServer } from './server.ts';

const seed = Number(process.env['SEED'] ?? 20130401);
const requestsPerRoute = 25;
const answerLimitMs = 10_000;

/** Mulberry32: small, seeded, good enough to vary requests. */
function createRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const hostile: readonly unknown[] = [
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

type Schema = Readonly<Record<string, unknown>>;

/** A value near the schema: mostly fitting, often not. */
function near(schema: Schema, random: () => number, depth = 0): unknown {
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
const shownAs = (value: unknown): string => `${value as string}`;

const jsonSchema = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

function requestFor(route: Route, random: () => number): { readonly path: string; readonly init: RequestInit } {
  const params = route.params === undefined ? {} : (near(jsonSchema(route.params), random) as Record<string, unknown>);
  const path = route.path.replace(
    /\{(\w+)\+?\}/g,
    (_, name: string) => encodeURIComponent(shownAs(params?.[name] ?? 'x').slice(0, 900)) || 'x',
  );
  const asked = route.query === undefined ? {} : ((near(jsonSchema(route.query), random) ?? {}) as object);
  const pairs = Object.entries(asked).map(([k, v]): [string, string] => [k, shownAs(v).slice(0, 500)]);
  const query = route.query === undefined ? '' : `?${new URLSearchParams(pairs).toString()}`;
  const init: RequestInit = { method: route.method };
  if (route.body === 'bytes') init.body = Buffer.from('not a file of any kind');
  else if (route.body !== undefined) {
    const roll = random();
    init.headers = { 'content-type': roll < 0.05 ? 'text/plain' : 'application/json' };
    init.body = roll < 0.1 ? '{"cut":' : JSON.stringify(near(jsonSchema(route.body), random) ?? null);
  }
  return { path: `${path}${query}`, init };
}

test(
  `every operation answers garbage with an error of the catalogue (seed ${seed})`,
  { timeout: 240_000 },
  async () => {
    const server = await startTestServer();
    const random = createRandom(seed);
    const problems: string[] = [];
    try {
      for (const [operation, route] of Object.entries(allRoutes) as [string, Route][]) {
        if (route.response === 'events') continue; // A fitting request is answered by a stream that does not end.
        for (let i = 0; i < requestsPerRoute; i++) {
          const { path, init } = requestFor(route, random);
          const shown = `${operation} #${i}: ${init.method} ${path.slice(0, 200)} ${shownAs(init.body ?? '').slice(0, 300)}`;
          try {
            const answer = await fetch(`${server.url}${path}`, { ...init, signal: AbortSignal.timeout(answerLimitMs) });
            const text = await answer.text();
            if (answer.status >= 500) problems.push(`${shown}\n  -> ${answer.status} ${text.slice(0, 300)}`);
            else if (answer.status >= 400) {
              const { error } = JSON.parse(text) as { error?: { code?: string; message?: string } };
              if (!error?.code || !Object.hasOwn(errorCatalogue, error.code) || !error.message)
                problems.push(`${shown}\n  -> no catalogue error: ${text.slice(0, 200)}`);
            }
          } catch (error) {
            problems.push(`${shown}\n  -> ${String(error)}`);
          }
        }
      }
      assert.deepEqual(problems, []);
    } finally {
      await server.stop();
    }
  },
);
