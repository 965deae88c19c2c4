/** Approvals as people and programs meet them: two tokens, the command line, a rollout, a policy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Approval } from '@slipway/contract';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import { slipwayAt } from './cli.ts';
import { linearModel, predict, registerModel } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const model = 'sure';

async function tokenOf(client: Client, name: string, role: 'deployer' | 'editor' | 'viewer'): Promise<string> {
  return (await client.tokens.create({ body: { name, role } })).secret;
}

type Json = Parameters<Client['projects']['apply']>[0]['body']['resources'][number]['spec'];

async function apply(client: Client, approval: Json, policies: readonly Json[] = []): Promise<void> {
  const resources = [
    { kind: 'model', name: model, spec: { aliases: { champion: { approval } } } },
    { kind: 'endpoint', name: model, spec: { model } },
    ...policies.map((spec, i) => ({ kind: 'policy', name: `policy-${i}`, spec })),
  ];
  await client.projects.apply({ params: { project: 'serving' }, body: { resources, bundle: [] } });
}

async function withServer(run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startTestServer();
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return assert.fail('waited in vain');
}

test('two tokens: one asks, the other decides; nobody else may', () =>
  withServer(async ({ url, client }) => {
    const as = async (name: string, role: Parameters<typeof tokenOf>[2]): Promise<Client> =>
      createClient({ url, token: await tokenOf(client, name, role), retries: 0 });
    const [ann, ben, eva, vic] = await Promise.all([
      as('ann', 'deployer'),
      as('ben', 'deployer'),
      as('eva', 'editor'),
      as('vic', 'viewer'),
    ]);
    for (const slope of [1, 2]) await registerModel(client, linearModel(slope));
    await apply(client, {});
    const asked = await ann.models.setAlias({
      params: { model, alias: 'champion' },
      body: { version: 2, reason: 'steeper' },
    });
    assert.equal(asked.state, 'waiting');
    const id = asked.approval?.id ?? '';
    const params = { approval: id };
    const body = { reason: 'looked at it' };
    assert.deepEqual(
      (await vic.approvals.list({ query: { state: 'waiting' } })).items.map((a) => a.id),
      [id],
    );
    for (const [who, code] of [
      [ann, 'approval_own'],
      [eva, 'not_permitted'],
      [vic, 'not_permitted'],
    ] as const)
      await assert.rejects(who.approvals.approve({ params, body }), { code });
    await assert.rejects(ben.approvals.approve({ params, body: { reason: '  ' } }), { code: 'request_invalid' });
    const done = await ben.approvals.approve({ params, body });
    assert.deepEqual([done.state, done.decidedBy, done.isOwn], ['approved', 'token:ben', undefined]);
    assert.deepEqual((await client.models.get({ params: { model } })).aliases, { champion: 2 });
    const kinds = (await client.ledger.list({ query: { limit: 200 } })).items.map((e) => [e.kind, e.actor]);
    assert(kinds.some(([kind, actor]) => kind === 'approval.requested' && actor === 'token:ann'));
    assert(kinds.some(([kind, actor]) => kind === 'alias.moved' && actor === 'token:ben'));
    assert.equal((await client.ledger.verify()).ok, true);
    for (const approval of ['apr_', '../../x', "' or 1=1", 'firing-1e3', 'x'.repeat(65)]) {
      const answer = await fetch(`${url}/api/approvals/${encodeURIComponent(approval)}`);
      assert([400, 404].includes(answer.status), approval);
    }
  }));

test('the command line asks, lists, shows, decides, and its exit codes say which', () =>
  withServer(async ({ url, client }) => {
    const slipway = slipwayAt(url);
    for (const slope of [1, 2, 3]) await registerModel(client, linearModel(slope));
    await apply(client, { lapsesAfter: '2h' });
    const asked = await slipway(['model', 'alias', model, 'champion', '2', '--reason', 'steeper']);
    assert.equal(asked.code, 7, asked.err);
    const id = /apr_[0-9a-z]{26}/.exec(asked.err)?.[0] ?? '';
    assert.match(
      (await slipway(['approval', 'list'])).out,
      new RegExp(`${id} +waiting +sure@champion: nothing -> 2 +owner`),
    );
    assert.match((await slipway(['approval', 'show', id])).out, /steeper[\s\S]*role deployer or owner/);
    assert.equal((await slipway(['approval', 'approve', id])).code, 2, 'a reason is asked for');
    const done = await slipway(['approval', 'approve', id, '--reason', 'nobody else here']);
    assert.equal(done.code, 0, done.err);
    assert.equal((await slipway(['approval', 'approve', id, '--reason', 'again'])).code, 1);
    assert.equal((await slipway(['approval', 'show', 'apr_none'])).code, 3);
    assert.match((await slipway(['approval', 'list'])).err, /Nothing waits/);
    const { out } = await slipway(['approval', 'list', '--all', '--json']);
    const { items } = JSON.parse(out) as { items: Approval[] };
    assert.deepEqual(
      items.map((a) => [a.state, a.isOwn]),
      [['approved', true]],
    );
    assert.equal((await slipway(['approval', 'list', '--state', 'wating'])).code, 2);
    const again = await slipway(['model', 'alias', model, 'champion', '3', '--json']);
    assert.equal((JSON.parse(again.out) as { state: string }).state, 'waiting');
    const other = /apr_[0-9a-z]{26}/.exec(again.out)?.[0] ?? '';
    assert.match((await slipway(['complete', '--', 'approval', 'reject', ''])).out, new RegExp(other));
    assert.match((await slipway(['approval', 'reject', other, '--reason', 'not now'])).out, /withdrawn/);
    assert.equal((await slipway(['model', 'unalias', model, 'champion'])).code, 1);
    assert.match((await slipway(['model', 'stage', model, 'champion', 'Production'])).out, /sure\/2 is Production/);
    assert.equal((await slipway(['model', 'stage', model, '3', 'Production'])).code, 1);
    assert.equal((await slipway(['model', 'stage', model, '3', 'production'])).code, 2);
    assert.match((await slipway(['model', 'card', model, 'champion'])).out, /^# sure, version 2, champion/);
    assert.match((await slipway(['model', 'lineage', model, '2'])).out, /version +sure v2/);
  }));

test('a policy that moves such an alias asks, and its own consent comes first', () =>
  withServer(async ({ client }) => {
    const move = { alias: { model, alias: 'champion', version: '$event.body.version' } };
    await registerModel(client, linearModel(1));
    const where = { 'body.alias': 'candidate' };
    await apply(client, {}, [{ when: 'alias.moved', where, do: move, approval: { lapsesAfter: '1d' } }]);
    await client.models.setAlias({ params: { model, alias: 'candidate' }, body: { version: 1 } });
    const waiting = async (kind: Approval['kind']): Promise<Approval | undefined> =>
      (await client.approvals.list({ query: { state: 'waiting' } })).items.find((a) => a.kind === kind);
    const firing = await eventually(() => waiting('policy'));
    assert.equal(firing.askedBy, 'policy:policy-0');
    await client.approvals.approve({ params: { approval: firing.id }, body: { reason: 'yes' } });
    const request = await eventually(() => waiting('alias'));
    assert.deepEqual([request.askedBy, request.kind === 'alias' && request.version], ['policy:policy-0', 1]);
    const { items } = await client.policies.firings({ params: { policy: 'policy-0' }, query: {} });
    assert.deepEqual(items[0]?.result, { version: 1, approval: request.id });
    await client.approvals.approve({ params: { approval: request.id }, body: { reason: 'yes' } });
    assert.equal((await client.models.get({ params: { model } })).aliases['champion'], 1);
  }));

test('a rollout waits for the approval of its promotion, and then takes all of the traffic', () =>
  withServer(async ({ client }) => {
    // Scores of one distribution, the first model's upside down: no guard fires, and the second is far better.
    for (const slope of [-1, 1]) await registerModel(client, linearModel(slope));
    await apply(client, {});
    const params = { endpoint: model };
    await client.endpoints.deploy({ params, body: { traffic: [{ version: 1, percent: 100 }] } });
    const stages = [{ name: 'half', percent: 50, minRequests: 50, minLabels: 600 }];
    const { id } = await client.rollouts.start({ params, body: { candidate: 2, plan: { stages } } });
    for (let i = 0; i < 900; i++) {
      const x = ((i * 7919) % 800) / 100 - 4;
      const { id: predictionId } = await predict(client, x);
      const value = ((i * 104_729) % 1000) / 1000 < 1 / (1 + Math.exp(-x)) ? 1 : 0;
      await client.endpoints.label({ params, body: { labels: [{ predictionId, value, at: Date.now() }] } });
    }
    const request = await eventually(
      async () => (await client.approvals.list({ query: { state: 'waiting', model } })).items[0],
    );
    assert.equal(request.askedBy, 'system:rollout-judge');
    const rollout = await client.rollouts.get({ params: { rollout: id } });
    assert.equal(rollout.state, 'running');
    assert.equal(rollout.decisions.at(-1)?.approval, request.id);
    await client.approvals.approve({ params: { approval: request.id }, body: { reason: 'the gain is proven' } });
    const promoted = await eventually(async () => {
      const found = await client.rollouts.get({ params: { rollout: id } });
      return found.state === 'running' ? undefined : found;
    });
    assert.deepEqual(
      [promoted.state, promoted.decisions.at(-1)?.sentence],
      ['promoted', 'Approved by owner: the gain is proven'],
    );
    const { deployment } = await client.endpoints.get({ params });
    assert.deepEqual(deployment?.traffic, [{ version: 2, percent: 100 }]);
  }));

test('gate, versions of a run, stage, card and lineage of a version, also of one that nobody described', () =>
  withServer(async ({ url, client }) => {
    const hostile = '<img src=x onerror=alert(1)> | `rm` *x*';
    const experiment = await client.runs.create({ body: { experiment: 'e', name: 'r' } });
    const number = await registerModel(client, linearModel(1));
    await client.projects.apply({
      params: { project: 'serving' },
      body: {
        resources: [
          { kind: 'model', name: model, spec: { description: hostile, gate: { checks: { auc: { min: 0.7 } } } } },
        ],
        bundle: [],
      },
    });
    const gate = await client.models.judgeGate({
      params: { model },
      body: { evidence: { metrics: { auc: { value: 0.8, low: 0.75, high: 0.85, n: 500 } } } },
    });
    assert.deepEqual(await client.gates.get({ params: { gate: gate.id } }), gate);
    await assert.rejects(client.gates.get({ params: { gate: 'gat_none' } }), { code: 'not_found' });
    const digest = (await client.models.getVersion({ params: { model, version: '1' } })).onnx?.digest;
    const made = await client.models.createVersion({
      params: { model },
      body: { digest, runId: experiment.id, gateId: gate.id, description: '# not a heading\n\nnor this | a cell' },
    });
    const ofRun = await client.modelVersions.list({ query: { runId: experiment.id } });
    assert.deepEqual(
      ofRun.items.map((v) => v.number),
      [made.number],
    );
    assert.equal((await client.modelVersions.list({ query: {} })).items.length, 2);
    const staged = await client.models.setStage({
      params: { model, version: String(made.number) },
      body: { stage: 'Production' },
    });
    assert.equal(staged.stage, 'Production');
    await assert.rejects(
      client.models.setStage({ params: { model, version: String(number) }, body: { stage: 'Production' } }),
      { code: 'gate_not_passed' },
    );
    const params = { model, version: String(made.number) };
    const card = await client.models.card({ params });
    assert.deepEqual([card.gate?.rows, card.metrics[0]?.estimate.low, card.serves], [500, 0.75, []]);
    assert(card.unknown.some((text) => /How many rows/.test(text)));
    const text = await client.models.cardText({ params });
    assert(text.includes('\\<img src=x onerror=alert(1)\\> \\| \\`rm\\` \\*x\\*'), text);
    assert(!/^# not a heading/m.test(text));
    const answer = await fetch(`${url}/api/models/${model}/versions/${made.number}/card.md`);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/markdown/);
    const lineage = await client.models.lineage({ params });
    assert.deepEqual(
      lineage.nodes.map((n) => n.kind),
      ['run', 'gate', 'version'],
    );
    assert.equal(lineage.edges.length, 2);
  }));
