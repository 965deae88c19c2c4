/**
 * Garbage in: for every operation of the route table, seeded requests made from its own schemas (near misses, wrong types,
 * huge, hostile and empty values) must be answered in time, below 500, with an error of the catalogue.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '@slipway/contract';
import { allRoutes, errorCatalogue } from '@slipway/contract';
import { createProtocols } from '../../packages/server/src/wiring/protocols.ts';
import { createRandom, hostile, jsonSchema, near, shownAs } from './garbage.ts';
import { startTestServer } from './server.ts';

const seed = Number(process.env['SEED'] ?? 20130401);
const requestsPerRoute = 25;
const answerLimitMs = 10_000;

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

interface ForeignPath {
  readonly method: string;
  readonly path: string;
  readonly bodyMode: 'json' | 'stream' | 'none';
}

/** What the protocols mount. Only the list of paths is read, so what is behind them may be anything. */
function foreignPaths(): readonly ForeignPath[] {
  // Answers every call and every member with itself.
  const anything: never = new Proxy(() => anything, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => '' : anything),
    apply: () => anything,
  }) as never;
  return createProtocols(anything, anything).protocols.flatMap((p) => p.routes);
}

/** Words of the protocols' bodies and queries: garbage gets further behind a known name. */
const foreignWords = [
  'run_id',
  'run_uuid',
  'experiment_id',
  'experiment_ids',
  'experiment_name',
  'name',
  'key',
  'value',
  'timestamp',
  'step',
  'metrics',
  'params',
  'tags',
  'run_name',
  'start_time',
  'end_time',
  'status',
  'filter',
  'filter_string',
  'order_by',
  'max_results',
  'page_token',
  'artifact_path',
  'path',
  'source',
  'version',
  'alias',
  'stage',
  'archive_existing_versions',
  'model_id',
  'dataset',
  'datasets',
  'view_type',
  'run_view_type',
  'metric_key',
  'run_ids',
  'inputs',
  'outputs',
  'instances',
  'dataframe_split',
  'dataframe_records',
  'columns',
  'data',
  'index',
  'id',
  'parameters',
  'shape',
  'datatype',
  'description',
  'new_name',
  'lifecycle_stage',
  'content',
] as const;
const foreignValues = [
  '0',
  '1',
  'flights',
  'a'.repeat(32),
  'FP64',
  'BYTES',
  'latest',
  'models:/a/1',
  "metrics.a > 1 and params.b = 'c'",
  1,
  -1,
  [1],
  ['x'],
  [[1, 2]],
  { a: 1 },
];
const foreignRequestsPerRoute = 12;

function foreignRequest(
  route: ForeignPath,
  random: () => number,
): { readonly path: string; readonly init: RequestInit } {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const value = (): unknown => {
    if (random() < 0.5) return pick(foreignValues);
    return random() < 0.5 ? pick(hostile) : { [pick(foreignWords)]: pick(foreignValues) };
  };
  const word = (): string => shownAs(random() < 0.5 ? pick(foreignValues) : pick(hostile)).slice(0, 300);
  const member = (): [string, unknown] => [pick(foreignWords), random() < 0.3 ? [value(), value()] : value()];
  const body = (): unknown =>
    random() < 0.15 ? pick(hostile) : Object.fromEntries(Array.from({ length: 1 + Math.floor(random() * 8) }, member));
  const path = route.path.replace(/\{\w+\+?\}/g, () => encodeURIComponent(word()) || 'x');
  const pairs = Array.from({ length: 2 }, (): [string, string] => [pick(foreignWords), word()]);
  const query = random() < 0.6 ? `?${new URLSearchParams(pairs).toString()}` : '';
  const init: RequestInit = { method: route.method };
  if (route.bodyMode !== 'none' && route.method !== 'GET') {
    init.headers = { 'content-type': random() < 0.1 ? 'text/csv' : 'application/json' };
    init.body = random() < 0.1 ? '{"cut":' : (JSON.stringify(body()) ?? 'null');
  }
  return { path: `${path}${query}`, init };
}

/** What is wrong with the answer to a request of a protocol, if anything. */
function foreignProblem(status: number, text: string): string | undefined {
  // 501: a part of the protocol that is not offered here, and says so.
  if (status >= 500 && status !== 501) return `${status} ${text.slice(0, 300)}`;
  const hasReason = /"(?:message|error|error_code|detail)"\s*:\s*["{]/.test(text);
  return status >= 400 && !hasReason ? `${status} without a reason: ${text.slice(0, 200)}` : undefined;
}

test(
  `every path of a foreign protocol answers garbage with its own error (seed ${seed})`,
  { timeout: 240_000 },
  async () => {
    const server = await startTestServer();
    const random = createRandom(seed + 1);
    const problems: string[] = [];
    const paths = foreignPaths();
    assert(paths.length > 50, `only ${paths.length} paths are mounted`);
    try {
      for (const route of paths.flatMap((r) => Array.from({ length: foreignRequestsPerRoute }, () => r))) {
        const { path, init } = foreignRequest(route, random);
        const shown = `${route.method} ${path} ${shownAs(init.body ?? '').slice(0, 300)}`;
        try {
          const signal = AbortSignal.timeout(answerLimitMs);
          const answer = await fetch(`${server.url}${path}`, { ...init, signal });
          const problem = foreignProblem(answer.status, await answer.text());
          if (problem !== undefined) problems.push(`${shown}\n  -> ${problem}`);
        } catch (error) {
          problems.push(`${shown}\n  -> ${String(error)}`);
        }
      }
      assert.deepEqual(problems, []);
    } finally {
      await server.stop();
    }
  },
);
