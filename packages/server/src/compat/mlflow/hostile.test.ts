/**
 * Recorded requests with one member spoilt, sent to a server that has taken the whole record in: every answer comes in time,
 * below 500 (501 is the protocol's word for what is not offered), as MLflow's error form or as a plain success.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { experimentIdToWire, runIdToWire } from './ids.ts';
import { startMlflowServer } from './testing.ts';

const Recorded = z.object({
  exchanges: z.array(
    z.object({
      method: z.string(),
      path: z.string(),
      type: z.string().optional(),
      body: z.object({ text: z.string().optional() }).optional(),
    }),
  ),
});
const folder = join(import.meta.dirname, '../../../../../tests/compat/mlflow/vectors');
const answerLimitMs = 5000;

const hostile: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  9_007_199_254_740_992,
  '',
  '../../etc/passwd',
  '..%2f..%2fetc',
  "' OR 1=1 --",
  'x\u0000y',
  '\ud800',
  'x'.repeat(7000),
  [],
  {},
  [null],
  [[[]]],
  { key: null },
  JSON.parse('{"__proto__": {"a": 1}}'),
];

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** One request of each kind, by method, path without ids, and member names; `place` gives placeholders a meaning. */
function readKinds(place: (text: string) => string): Request[] {
  const kinds = new Map<string, Request>();
  for (const file of readdirSync(folder)) {
    const { exchanges } = Recorded.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    for (const { method, path, type, body } of exchanges) {
      if (path.includes('/mlflow-artifacts/artifacts/')) continue;
      const json =
        type === 'application/json' && body?.text !== undefined ? (JSON.parse(place(body.text)) as unknown) : undefined;
      const kind = `${method} ${path.replace(/=[^&]*/g, '=')} ${Object.keys(json ?? {}).join()}`;
      if (!kinds.has(kind)) kinds.set(kind, { method, path: place(path), body: json });
    }
  }
  return [...kinds.values()];
}

/** The request with each member of its body and its query in turn replaced by each hostile value, or left out. */
function* spoilt({ method, path, body }: Request): Generator<Request> {
  const [at = '', search = ''] = path.split('?', 2);
  const query = new URLSearchParams(search);
  for (const key of new Set(query.keys())) {
    for (const value of hostile.filter((v) => typeof v !== 'object')) {
      const changed = new URLSearchParams(query);
      changed.set(key, String(value));
      yield { method, path: `${at}?${changed.toString()}`, body };
    }
    query.delete(key);
    yield { method, path: `${at}?${query.toString()}`, body };
  }
  if (typeof body !== 'object' || body === null) return;
  for (const value of [...hostile, undefined]) {
    for (const key of Object.keys(body)) yield { method, path, body: { ...body, [key]: value } };
    yield { method, path, body: value };
  }
}

const ErrorForm = z.object({ error_code: z.string(), message: z.string() });

test('spoilt requests are refused in the form that the client knows, and never fail the server', async () => {
  await using server = await startMlflowServer();
  const { id: experimentId } = await server.tracking.ensureExperiment('flights', 'owner');
  const run = await server.tracking.createRun({ experimentId, actor: 'owner' });
  const place = (text: string): string =>
    text
      .replaceAll(/(experiment_ids?(?:=|": \[?"))\{\{a\d+\}\}/g, `$1${experimentIdToWire(experimentId)}`)
      .replaceAll(/\{\{a\d+\}\}/g, runIdToWire(run.id));
  const requests = readKinds(place).flatMap((request) => [...spoilt(request)]);
  assert.ok(requests.length > 2000, `${requests.length} requests`);
  const problems: string[] = [];
  const send = async ({ method, path, body }: Request): Promise<void> => {
    const said = `${method} ${path.slice(0, 200)} ${JSON.stringify(body)?.slice(0, 300)}`;
    const response = await fetch(server.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'GET' || body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerLimitMs),
    });
    const text = await response.text();
    const isFine = response.status === 200 || ErrorForm.safeParse(JSON.parse(text)).success;
    if (!isFine || (response.status >= 500 && response.status !== 501))
      problems.push(`${said} answers ${response.status} ${text.slice(0, 300)}`);
  };
  for (let i = 0; i < requests.length; i += 16) await Promise.all(requests.slice(i, i + 16).map(send));
  assert.deepEqual(problems, []);
});
