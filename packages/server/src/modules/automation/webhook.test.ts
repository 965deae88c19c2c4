import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { createWebhook } from './webhook.ts';

test('a webhook is posted with its key; refusals are final, failures may pass, redirects are not followed', async (t) => {
  const seen: { key: unknown; body: string }[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ key: request.headers['idempotency-key'], body });
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  // An address string is only answered for pipes, and this server listens on a port.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const post = createWebhook(fetch);
  const order = { url, actor: 'policy:p', reason: 'r', idempotencyKey: 'policy/p/3', body: { firing: 1 } };
  assert.deepEqual(await post(order), { status: 204 });
  assert.deepEqual(seen, [{ key: 'policy/p/3', body: '{"firing":1}' }]);
  const codeOf = (error: unknown): string =>
    error instanceof SlipwayError ? `${error.code} ${error.retryable}` : 'other';
  for (const [answer, expected] of [
    [400, 'webhook_refused false'],
    [302, 'webhook_refused false'],
    [429, 'webhook_unreachable true'],
    [503, 'webhook_unreachable true'],
  ] as const) {
    status = answer;
    await assert.rejects(post(order), (e) => codeOf(e) === expected, String(answer));
  }
  assert.equal(seen.length, 5, 'the redirect was not followed');
  await assert.rejects(post({ ...order, url: 'http://127.0.0.1:1/' }), (e) => codeOf(e) === 'webhook_unreachable true');
});
