/** A generated workspace is a real one: a server opens it, its ledger holds, and every question of the console is answered. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNames } from '../../bench/console/names.ts';
import { consoleRequests } from '../../bench/console/requests.ts';
import { generateWorkspace } from '../../bench/workspace/generate.ts';
import { sizeAt, sizeDigest, storyEndsAt } from '../../bench/workspace/size.ts';
import { startTestServer } from './server.ts';

test('a small generated workspace opens, holds and answers', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'slipway-generated-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const size = sizeAt(0.001);
  const folder = join(parent, 'workspace');
  const said: string[] = [];
  const options = { say: (line: string) => void said.push(line), folder };
  assert.equal((await generateWorkspace(size, options)).isNew, true);
  assert.equal((await generateWorkspace(size, options)).isNew, false, 'it is used again');
  assert.notEqual(sizeDigest(size), sizeDigest(sizeAt(0.001, 2)), 'another seed is another workspace');

  const server = await startTestServer({ folder });
  t.after(() => server.stop());
  const { client } = server;
  const verdict = await client.ledger.verify();
  assert(verdict.ok);
  assert(verdict.events >= size.events);
  const { count } = await client.runs.count({ query: {} });
  assert.equal(count, size.runs + 1, 'the runs and the one with the long series');
  const { items } = await client.endpoints.predictions({ params: { endpoint: 'delay' }, query: { limit: 5 } });
  assert.equal(items.length, 5);
  assert(Object.keys(items[0]?.features ?? {}).length > 0);

  const { requests } = await consoleRequests(server.url, await findNames(client, storyEndsAt));
  assert(requests.length > 80);
  const refused: string[] = [];
  for (const { operation, what, path } of requests) {
    const response = await fetch(`${server.url}${path}`);
    await response.arrayBuffer();
    if (!response.ok) refused.push(`${operation} (${what}): ${response.status}`);
  }
  // Too few predictions at this size for a comparison of versions.
  assert.deepEqual(
    refused.filter((line) => !/^monitoring\.(compare|segments) /.test(line)),
    [],
  );
});
