import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { allRoutes } from '@slipway/contract';
import type { KyselyPlugin } from 'kysely';
import type { Permission } from '@slipway/contract';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { dbTest, eachDatabase, openTestDb } from '../db/testing.ts';
import type { Auth, AuthOptions } from './auth.ts';
import { createAuth } from './auth.ts';
import type { Role } from './principal.ts';
import { roles, stepPermissions } from './principal.ts';
import { authStore } from './store.ts';

const system = createSystemClock();
const options = { modules: [authStore] };

function authOf(db: Db, more: Partial<AuthOptions> = {}): Auth {
  return createAuth({ db, clock: system, trustLoopback: true, allowedHosts: ['slipway.example'], ...more });
}

/** All requests come over one connection, which must not remember more than it may. Of the rest only the headers are read. */
const socket = {};
const asked = (given: Readonly<Record<string, string>>, method = 'GET'): IncomingMessage => {
  const headers = { host: 'localhost:7700', ...given };
  return { method, socket, headers, rawHeaders: Object.entries(headers).flat() } as unknown as IncomingMessage;
};
const bearer = (secret: string): IncomingMessage => asked({ authorization: `Bearer ${secret}` });
const basic = (text: string): IncomingMessage =>
  asked({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

/** The actor, or the code of the refusal. */
async function outcome(auth: Auth, request: IncomingMessage): Promise<string> {
  try {
    return (await auth.authenticate(request)).actor;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

test('on loopback, who comes from this machine and not from another page is the owner', async () => {
  const { db, close } = await openTestDb(options);
  const auth = authOf(db);
  const cases: readonly (readonly [Readonly<Record<string, string>>, string, string?])[] = [
    [{}, 'owner'],
    [{ host: '127.0.0.1' }, 'owner'],
    [{ host: '127.8.9.10:80' }, 'owner'],
    [{ host: '[::1]:7700' }, 'owner'],
    [{ host: 'LOCALHOST:7700' }, 'owner'],
    [{ host: 'Slipway.Example:443' }, 'owner'],
    [{ host: '' }, 'origin_refused'],
    [{ host: 'evil.example' }, 'origin_refused'],
    [{ host: 'localhost.evil.example' }, 'origin_refused'],
    [{ host: '127.0.0.1.evil.example' }, 'origin_refused'],
    [{ host: 'evil.example#localhost' }, 'origin_refused'],
    [{ host: '0.0.0.0:7700' }, 'origin_refused'],
    [{ origin: 'http://localhost:7700' }, 'owner', 'POST'],
    [{ origin: 'http://localhost:9999' }, 'origin_refused', 'POST'],
    [{ origin: 'https://evil.example' }, 'origin_refused', 'POST'],
    [{ origin: 'null' }, 'origin_refused', 'POST'],
    [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 'owner', 'POST'],
    [{ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 'owner'],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'owner'],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'origin_refused', 'POST'],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 'origin_refused'],
    [{ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }, 'origin_refused'],
  ];
  for (const [headers, expected, method] of cases)
    assert.equal(await outcome(auth, asked(headers, method)), expected, JSON.stringify([method, headers]));
  const beyond = authOf(db, { trustLoopback: false });
  assert.equal(await outcome(beyond, asked({})), 'not_authenticated');
  await close();
});

eachDatabase((name, open) => {
  dbTest(
    `${name}: a token is its secret, as Bearer or as a Basic password, until it ends or is revoked`,
    open,
    options,
    async (_t, { db }) => {
      let now = 1_700_000_000_000;
      const clock: Clock = { ...system, now: () => now };
      const auth = authOf(db, { clock });
      const { secret } = await auth.createToken({ name: 'ci', role: 'deployer', expiresInMs: 1000, actor: 'owner' });
      for (const round of ['looked up', 'from the cache']) {
        assert.equal(await outcome(auth, bearer(secret)), 'token:ci', round);
        assert.equal(await outcome(auth, basic(`anybody:${secret}`)), 'token:ci', round);
        assert.equal(await outcome(auth, basic(`${secret}:`)), 'token:ci', round);
        assert.equal(await outcome(auth, basic(secret)), 'token:ci', round);
      }
      const [head = '', id = '', rest = ''] = secret.split('_');
      const wrong = [
        '',
        'slw_',
        `${head}_${id}_${rest.slice(0, -1)}`,
        `${head}_${id}_${rest.slice(0, -1)}${rest.endsWith('A') ? 'B' : 'A'}`,
        `${head}_${'0'.repeat(16)}_${rest}`,
        `${secret} x`.slice(4),
        `${secret}' or '1'='1`,
      ];
      for (const bad of wrong) assert.equal(await outcome(auth, bearer(bad)), 'not_authenticated', bad);
      assert.equal(await outcome(auth, asked({ authorization: `Digest ${secret}` })), 'not_authenticated');
      assert.equal(await outcome(auth, asked({ authorization: secret })), 'not_authenticated');

      now += 1000;
      assert.equal(await outcome(auth, bearer(secret)), 'not_authenticated', 'it has ended');

      const other = await auth.createToken({ name: 'laptop', role: 'viewer', actor: 'owner' });
      assert.equal(await outcome(auth, bearer(other.secret)), 'token:laptop');
      await auth.revokeToken('laptop', 'owner');
      assert.equal(await outcome(auth, bearer(other.secret)), 'not_authenticated', 'it was revoked');
      const stored = JSON.stringify(
        await db.read<{ auth_token: object }>().selectFrom('auth_token').selectAll().execute(),
      );
      assert.ok(!stored.includes(rest), 'the secret is not stored');
    },
  );

  dbTest(
    `${name}: a token that is revoked while it is being looked up is not remembered`,
    open,
    options,
    async (_t, { db }) => {
      let mayAnswer = Promise.resolve();
      let hasRead = (): void => undefined;
      // The same database with answers that take their time on the way.
      const slow: KyselyPlugin = {
        transformQuery: ({ node }) => node,
        transformResult: async ({ result }) => {
          hasRead();
          await mayAnswer;
          return result;
        },
      };
      const auth = authOf({ ...db, read: <T>() => db.read<T>().withPlugin(slow) });
      const { secret } = await auth.createToken({ name: 'short', role: 'viewer', actor: 'owner' });
      const answer = Promise.withResolvers<void>();
      const read = new Promise<void>((resolve) => (hasRead = resolve));
      mayAnswer = answer.promise;
      const early = outcome(auth, bearer(secret));
      await read;
      await auth.revokeToken('short', 'owner');
      answer.resolve();
      assert.equal(await early, 'token:short', 'it was valid when it was read');
      assert.equal(await outcome(auth, bearer(secret)), 'not_authenticated');
    },
  );
});

test('a token of a step works until it is revoked, and only in this process', async () => {
  const { db, close } = await openTestDb(options);
  const auth = authOf(db);
  const token = auth.issueStepToken('step:run_1/train');
  assert.equal(await outcome(auth, bearer(token.secret)), 'step:run_1/train');
  assert.equal(await outcome(authOf(db), bearer(token.secret)), 'not_authenticated');
  token.revoke();
  assert.equal(await outcome(auth, bearer(token.secret)), 'not_authenticated');
  await close();
});

test('roles hold what their names say, and what is not held is denied', async () => {
  const { db, close } = await openTestDb(options);
  const auth = authOf(db);
  const all = new Set(Object.values(allRoutes).map((r): Permission => r.permission));
  const may = (permissions: ReadonlySet<Permission>, permission: Permission): boolean => {
    try {
      auth.authorise({ actor: 'x', permissions }, permission);
      return true;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'not_permitted');
      return false;
    }
  };
  for (const permission of all) {
    assert.ok(may(roles.owner, permission), `the owner may ${permission}`);
    assert.equal(may(new Set(), permission), permission === 'public', `nobody may ${permission}`);
    const isRead = permission.endsWith('.read') || permission === 'public';
    assert.equal(may(roles.viewer, permission), isRead, `a viewer and ${permission}`);
  }
  const denied: readonly (readonly [Role | 'step', Permission])[] = [
    ['deployer', 'admin'],
    ['editor', 'serving.deploy'],
    ['editor', 'registry.promote'],
    ['editor', 'projects.apply'],
    ['predictor', 'data.read'],
    ['predictor', 'serving.deploy'],
    ['step', 'serving.deploy'],
    ['step', 'projects.apply'],
    ['step', 'pipelines.run'],
    ['step', 'admin'],
  ];
  for (const [role, permission] of denied)
    assert.equal(may(role === 'step' ? stepPermissions : roles[role], permission), false, `${role} and ${permission}`);
  await close();
});
