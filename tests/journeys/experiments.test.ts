/** What the list of runs asks, over HTTP: good requests, bad ones, roles, and files that would like to be more than files. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
const runs: string[] = [];

before(async () => {
  server = await startTestServer();
  for (let i = 0; i < 3; i++) {
    const { id } = await server.client.runs.create({ body: { experiment: 'flights', name: `<b>run ${i}</b>` } });
    runs.push(id);
    const metrics = Array.from({ length: 600 }, (_, step) => ({
      key: 'val/loss',
      value: step === 300 ? 9 : 1 / (step + 1),
      step,
    }));
    await server.client.runs.log({
      params: { run: id },
      body: { metrics, params: { rate: `0.${i}` }, tags: { kind: 'refit' } },
    });
  }
});
after(() => server.stop());

const get = async (path: string, token?: string): Promise<{ status: number; body: { error?: { code: string } } }> => {
  const answer = await fetch(
    `${server.url}${path}`,
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  );
  // Every answer of these paths is JSON.
  return { status: answer.status, body: (await answer.json()) as { error?: { code: string } } };
};

test('keys, values, counts and samples answer, and a page of runs carries its columns alone', async () => {
  const { client } = server;
  const { items } = await client.runs.keys({ query: { experiment: 'flights', contains: 'loss' } });
  assert.deepEqual(
    items.map(({ kind, key }) => [kind, key]),
    [['metric', 'val/loss']],
  );
  const values = await client.runs.values({ query: { experiment: 'flights', kind: 'param', key: 'rate' } });
  assert.deepEqual(values.items, ['0.0', '0.1', '0.2']);
  assert.deepEqual(await client.runs.count({ query: { filter: "params.rate != '0.1'" } }), { count: 2, isExact: true });
  const sample = await client.runs.sample({ query: { runs: runs.join(','), key: 'val/loss', points: 40 } });
  for (const series of sample.items) {
    assert.ok(series.counts.length <= 40);
    assert.ok(series.high.includes(9), 'the peak is kept');
  }
  const page = await client.runs.list({ query: { experiment: 'flights', columns: 'm:val/loss,p:none' } });
  for (const run of page.items) {
    assert.deepEqual(
      run.metrics.map((m) => m.key),
      ['val/loss'],
    );
    assert.deepEqual([run.params, run.tags], [{}, {}]);
  }
});

test('what cannot be answered is refused with its reason', async () => {
  const refusals: readonly (readonly [path: string, status: number, code: string])[] = [
    ['/api/run-keys?experiment=none', 404, 'not_found'],
    ['/api/run-keys?kind=colour', 400, 'request_invalid'],
    ['/api/run-keys?pageToken=x', 400, 'page_token_invalid'],
    ['/api/run-values?experiment=flights&kind=metric&key=val', 400, 'request_invalid'],
    ['/api/run-count?filter=metrics.auc+%3E', 400, 'filter_invalid'],
    ['/api/run-samples?key=auc&runs=', 400, 'request_invalid'],
    ['/api/run-samples?key=auc&runs=run_none', 404, 'not_found'],
    [`/api/run-samples?key=auc&points=1&runs=${runs[0] ?? ''}`, 400, 'request_invalid'],
    [
      `/api/run-samples?key=auc&runs=${Array.from({ length: 51 }, (_, i) => `r${i}`).join(',')}`,
      400,
      'request_invalid',
    ],
    ['/api/runs?columns=x:auc', 400, 'request_invalid'],
    [`/api/runs?columns=${Array.from({ length: 101 }, (_, i) => `m:k${i}`).join(',')}`, 400, 'request_invalid'],
  ];
  for (const [path, status, code] of refusals) {
    const answer = await get(path);
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], path);
  }
});

test('a viewer reads views and saves none', async () => {
  const { client } = server;
  const view = await client.views.create({ body: { name: 'best', query: 'sort=metrics.auc+desc' } });
  const { secret } = await client.tokens.create({ body: { name: 'reader', role: 'viewer' } });
  assert.equal((await get('/api/views', secret)).status, 200);
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: 'mine', query: '' });
  assert.equal((await fetch(`${server.url}/api/views`, { method: 'POST', headers, body })).status, 403);
  assert.equal((await fetch(`${server.url}/api/views/${view.id}`, { method: 'DELETE', headers })).status, 403);
  await assert.rejects(client.views.create({ body: { name: ' ', query: '' } }), { code: 'request_invalid' });
  await client.views.delete({ params: { view: view.id } });
  assert.deepEqual((await client.views.list()).items, []);
  assert.equal((await client.views.restore({ params: { view: view.id } })).name, 'best');
});

test('a page or a picture that a run stored is shown without scripts, requests and an origin', async () => {
  const { client } = server;
  const [run = ''] = runs;
  const bytes = Buffer.from('<script>parent.document.title = "mine"</script>');
  for (const path of ['report.html', 'plots/curve.svg', 'model.bin'])
    await client.runs.putArtifact({ params: { run, path }, body: bytes });
  for (const path of ['report.html', 'plots/curve.svg']) {
    const answer = await fetch(`${server.url}/api/runs/${run}/preview/${path}`);
    assert.equal(answer.status, 200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^sandbox; default-src 'none'/);
    assert.doesNotMatch(policy, /script-src|allow-|connect-src/);
    assert.equal(answer.headers.get('x-frame-options'), 'SAMEORIGIN');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  }
  assert.equal((await fetch(`${server.url}/api/runs/${run}/preview/model.bin`)).status, 400);
  assert.equal((await fetch(`${server.url}/api/runs/${run}/preview/none.html`)).status, 404);
  const file = await fetch(`${server.url}/api/runs/${run}/artifacts/report.html`);
  assert.equal(file.headers.get('content-disposition'), 'attachment');
});
