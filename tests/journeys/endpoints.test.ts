/** Endpoints over HTTP and from the command line: searches, series, trials, rollouts on hold; bad requests, and who may what. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { slipwayAt } from './cli.ts';
import { declareEndpoint, deploy, endpointName, linearModel, predict, registerModel } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
const ids: string[] = [];
const at = `/api/endpoints/${endpointName}`;

before(async () => {
  server = await startTestServer();
  const { client } = server;
  await declareEndpoint(client);
  for (const slope of [1, 1.02]) await registerModel(client, linearModel(slope));
  await deploy(client, 1);
  for (let x = -2; x <= 2; x += 0.5) ids.push((await predict(client, x)).id);
  const labels = ids.slice(0, 3).map((predictionId) => ({ predictionId, value: 1, at: 5 }));
  await client.endpoints.label({ params: { endpoint: endpointName }, body: { labels } });
});
after(() => server.stop());

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string;
}

async function ask(method: string, path: string, options: { body?: unknown; token?: string } = {}): Promise<Answer> {
  const { body, token } = options;
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // Every answer of these paths is JSON.
  const { error } = (await answer.json()) as { error?: { code: string; message: string } };
  return { status: answer.status, code: error?.code, message: error?.message ?? '' };
}

test('what does not fit is refused with its place, and nothing is a failure of the server', async () => {
  const bad: readonly (readonly [method: string, path: string, code: string, body?: unknown])[] = [
    ['GET', `${at}/predictions?arm=boss`, 'request_invalid'],
    ['GET', `${at}/predictions?id=prd_ILO`, 'request_invalid'],
    ['GET', `${at}/predictions?scoreMin=high`, 'request_invalid'],
    ['GET', `${at}/predictions?labelled=maybe`, 'request_invalid'],
    ['GET', `${at}/predictions?pageToken=bm9wZQ`, 'page_token_invalid'],
    ['GET', `${at}/series?window=10y`, 'request_invalid'],
    ['GET', `${at}/series?window=0`, 'request_invalid'],
    ['GET', `${at}/series?window=30d&step=1s`, 'request_invalid'],
    ['GET', '/api/endpoints/nobody/series', 'not_found'],
    ['GET', '/api/endpoints/nobody/inputs', 'not_found'],
    ['GET', '/api/rollouts/rol_none/progress', 'not_found'],
    ['POST', `${at}/try`, 'request_invalid', {}],
    ['POST', `${at}/try`, 'request_invalid', { inputs: { x: [1] } }],
    ['POST', '/api/endpoints/nobody/try', 'not_found', { inputs: {} }],
    ['POST', '/api/rollouts/rol_none/hold', 'not_found', { reason: 'wait' }],
    ['POST', '/api/rollouts/rol_none/hold', 'request_invalid', { reason: '   ' }],
    ['POST', '/api/rollouts/rol_none/hold', 'request_invalid', { reason: 'wait', for: '1s' }],
    ['POST', '/api/rollouts/rol_none/hold', 'request_invalid', { reason: 'wait', for: '99w' }],
    ['POST', '/api/rollouts/rol_none/resume', 'not_found', {}],
    ['POST', '/api/rollouts/rol_none/roll-back', 'request_invalid', {}],
  ];
  for (const [method, path, code, body] of bad) {
    const answer = await ask(method, path, { body });
    assert.equal(answer.code, code, `${method} ${path}: ${answer.message}`);
    assert.ok(answer.status < 500, path);
  }
  // An id can begin so and yet be none: nothing is found, and nothing fails.
  const { client } = server;
  const none = { params: { endpoint: endpointName }, query: { id: 'prd_zzzz' } };
  assert.deepEqual((await client.endpoints.predictions(none)).items, []);
});

test('who may look may not try, who may predict may try, and only who may deploy touches a rollout', async () => {
  const { client } = server;
  const tokenOf = async (role: 'viewer' | 'predictor' | 'editor'): Promise<string> =>
    (await client.tokens.create({ body: { name: role, role } })).secret;
  const rollout = await client.rollouts.start({ params: { endpoint: endpointName }, body: { candidate: 2 } });
  const may: readonly (readonly [
    role: 'viewer' | 'predictor' | 'editor',
    method: string,
    path: string,
    body: unknown,
    is: boolean,
  ])[] = [
    ['viewer', 'GET', `${at}/series`, undefined, true],
    ['viewer', 'GET', `${at}/inputs`, undefined, true],
    ['viewer', 'GET', `/api/rollouts/${rollout.id}/progress`, undefined, true],
    ['viewer', 'POST', `${at}/try`, { inputs: { x: 1 } }, false],
    ['predictor', 'POST', `${at}/try`, { inputs: { x: 1 } }, true],
    ['editor', 'POST', `${at}/try`, { inputs: { x: 1 } }, true],
    ['editor', 'POST', `${at}/predict`, { instances: [{ inputs: { x: 1 } }] }, false],
    ['predictor', 'POST', `/api/rollouts/${rollout.id}/hold`, { reason: 'wait' }, false],
    ['editor', 'POST', `/api/rollouts/${rollout.id}/roll-back`, { reason: 'enough' }, false],
  ];
  const tokens = {
    viewer: await tokenOf('viewer'),
    predictor: await tokenOf('predictor'),
    editor: await tokenOf('editor'),
  };
  for (const [role, method, path, body, is] of may) {
    const { status, code } = await ask(method, path, { body, token: tokens[role] });
    assert.equal(code, is ? undefined : 'not_permitted', `${role}: ${method} ${path} answers ${status}`);
  }
  await client.rollouts.cancel({ params: { rollout: rollout.id } });
});

test('the command line searches, tries, holds, resumes and rolls back, and its exit codes say which', async () => {
  const slipway = slipwayAt(server.url);
  const found = await slipway(['endpoint', 'predictions', endpointName, '--labelled', '--score-max', '0.2', '--json']);
  const { items, isScanBound } = JSON.parse(found.out) as { items: { id: string }[]; isScanBound: boolean };
  assert.deepEqual([items.map((p) => p.id), isScanBound], [ids.slice(0, 2).toReversed(), false]);
  const [first = ''] = ids;
  assert.match((await slipway(['endpoint', 'predictions', endpointName, '--id', first])).out, new RegExp(first));
  assert.equal((await slipway(['endpoint', 'predictions', endpointName, '--labelled', '--unlabelled'])).code, 2);
  const tried = await slipway(['predict', endpointName, '--try', '--input', 'x=0']);
  assert.match(tried.out, /incumbent +100 % +0\.500000/);
  assert.match(tried.err, /Not logged/);
  assert.match((await slipway(['predict', endpointName, '--try', '--input', 'y=0'])).out, /"x" is missing/);
  assert.equal((await slipway(['endpoint', 'hold', endpointName, '--reason', 'wait'])).code, 2, 'nothing runs');
  assert.equal((await slipway(['endpoint', 'rollout', endpointName, '2'])).code, 0);
  assert.equal((await slipway(['endpoint', 'hold', endpointName])).code, 2, 'a reason is asked for');
  const held = await slipway(['endpoint', 'hold', endpointName, '--reason', 'change freeze', '--for', '2h']);
  assert.match(held.out, /on hold until [\s\S]*On hold by owner: change freeze/);
  assert.match((await slipway(['endpoint', 'progress', endpointName])).out, /on hold[\s\S]*sample-ratio/);
  assert.match((await slipway(['endpoint', 'resume', endpointName])).out, /Resumed by owner/);
  const back = await slipway(['endpoint', 'rollback', endpointName, '--reason', 'customers complain']);
  assert.match(back.out, /rolled-back[\s\S]*Rolled back by owner: customers complain/);
  assert.equal((await slipway(['endpoint', 'rollback', 'rol_00000000000000000000000000', '--reason', 'x'])).code, 3);
});
