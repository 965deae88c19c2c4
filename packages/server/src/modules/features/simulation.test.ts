/** The copy of a set that a simulation reads: fed with the rows of datasets it gives the vectors of the training set, to the bit. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { FeatureRequest } from '@slipway/contract';
import { createSystemClock } from '../../platform/clock.ts';
import { operation } from '../../platform/db/db.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import type { Definition } from './definition.ts';
import { parseDefinition, parseDefinitionText } from './definition.ts';
import type { Features } from './service.ts';
import { createFeatures } from './service.ts';
import { featureSetKind, featuresStore } from './store.ts';
import { createTestAnalytics } from './testing.ts';
import { buildTrainingSet } from './training-set.ts';

const analytics = createTestAnalytics();
const folder = mkdtempSync(join(tmpdir(), 'slipway-simulated-'));
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const shop = parseDefinitionText(`
features: shop
entities: { user: string }
request: { asked_at: time, amount: float }
sources:
  orders:
    table: orders
    event_time: ordered_at
    known_at: event_time + 10m
    keys: { user: user }
    tie: order_no
    columns: { amount: float = amount, big: bool = amount > 50 }
    version_key: order_no
    withdrawn: status = 'gone'
  late: { table: orders, event_time: paid_at, where: paid_at is not null, keys: { user: user }, columns: { amount: float = amount } }
views:
  recent:
    source: orders
    entity: user
    features:
      n_2d: count() over 2d
      mean_5d: mean(amount) over 5d
      big_9d: rate(big) over 9d smooth 0.1 weight 20
      newest: last(amount) within 9d
  paid: { source: late, entity: user, edges: closed, features: { paid_3d: sum(amount) over 3d } }
  given: { features: { ratio: amount / 7, hour: hour_of_day(asked_at) } }
services:
  risk:
    at: asked_at
    features: [recent, paid, given]
    rows:
      table: orders
      id: row_no
      keys: { user: user }
      request: { asked_at: ordered_at, amount: amount }
      label: { name: returned, value: returned, known_at: ordered_at + 3d }
`);

const originMs = Date.UTC(2025, 0, 6);
/** 4,000 orders of 40 users in 40 days: some come twice, some are withdrawn, most are paid days later. */
const orders = `(SELECT * FROM (
  SELECT make_timestamp((${originMs} + (hash(i) % 3456000000)::BIGINT) * 1000) AS ordered_at, 'u' || (hash(i + 1) % 40) AS "user",
    (hash(i + 2) % 10000)::DOUBLE / 100 AS amount, (i - i % 7 // 6)::BIGINT AS order_no, if(hash(i + 3) % 11 = 0, 'gone', 'ok') AS status,
    hash(i + 4) % 3 = 0 AS returned, i % 5 AS shelf, i AS row_no
  FROM range(4000) AS t(i)))`;
const table = `(SELECT *, if(hash(order_no) % 9 = 0, NULL, ordered_at + to_milliseconds((hash(order_no + 5) % 500000000)::BIGINT)) AS paid_at FROM ${orders})`;

const applySet = operation(
  'test.apply-set',
  (trx, { definition, simulationOf }: { definition: Definition; simulationOf: string | undefined }) =>
    featureSetKind.apply(trx, {
      name: definition.features,
      spec: definition,
      digest: '',
      project: 'p',
      actor: 'owner',
      simulationOf,
    }),
);
const removeSet = operation('test.remove-set', (trx, name: string) =>
  featureSetKind.remove(trx, { name, project: 'p', actor: 'owner' }),
);
const options = { modules: [featuresStore], operations: [applySet, removeSet] };
const copy = parseDefinition({ ...shop, features: 'shop_copy' });

/** Vectors of the training set by row id. */
async function trained(file: string): Promise<Map<string, (string | number | null)[]>> {
  const built = await buildTrainingSet({
    definition: shop,
    service: 'risk',
    tables: { orders: { sql: table } },
    outFile: file,
    analytics,
  });
  assert.equal(built.parity.different, 0);
  const rows = await analytics.rows<Record<string, string | number | null>>(
    `SELECT row_id AS id, ${built.names.map(sqlName).join(', ')} FROM read_parquet(${sqlText(file)})`,
  );
  return new Map(rows.map((row) => [String(row['id']), built.names.map((name) => row[name] ?? null)]));
}

async function allRequests(features: Features, from: number): Promise<FeatureRequest[]> {
  const items: FeatureRequest[] = [];
  let pageToken: string | undefined;
  do {
    const page = await features.requests({
      set: 'shop',
      service: 'risk',
      tables: {},
      from,
      columns: ['shelf'],
      limit: 333,
      pageToken,
    });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  return items;
}

eachDatabase((name, open) => {
  dbTest(
    `${name}: what a simulation is fed gives the bits of the training set, beside a real state that stays as it is`,
    open,
    options,
    async (_t, { db }) => {
      const features = createFeatures({
        db,
        clock: createSystemClock(),
        log: testLog(),
        analytics,
        datasets: {
          resolve: async (ref) => ({
            dataset: ref,
            number: 1,
            relation: table,
            schema: (
              await analytics.rows<{ column_name: string; column_type: string }>(`DESCRIBE SELECT * FROM ${table}`)
            ).map((row) => ({ name: row.column_name, type: row.column_type })),
          }),
        },
        folder: join(folder, name),
      });
      await features.start();
      try {
        await db.write(applySet, { definition: shop, simulationOf: undefined });
        await features.backfill({ set: 'shop', tables: {}, until: originMs, actor: 'owner' });
        const before = (await features.get('shop')).state;
        const wanted = await trained(join(folder, `${name}.parquet`));
        const requests = await allRequests(features, originMs + 20 * 86_400_000);
        assert(requests.length > 1500 && requests.every(({ at }, i) => at >= (requests[i - 1]?.at ?? 0)));
        assert.equal(typeof requests[0]?.columns['shelf'], 'number');

        await db.write(applySet, { definition: copy, simulationOf: 'risk' });
        const first = requests[0]?.at ?? 0;
        await features.backfill({ set: 'shop_copy', tables: {}, until: first - 1, actor: 'owner' });
        assert.equal(
          (await features.list({ limit: 10 })).items.find((set) => set.name === 'shop_copy')?.simulationOf,
          'risk',
        );
        const reader = features.reader('shop_copy', 'risk');
        assert.equal(
          reader.digest,
          features.reader('shop', 'risk').digest,
          'a version that learnt from the set can be served',
        );
        const out = new Float64Array(reader.names.length);
        assert.throws(() => reader.read(first, requests[0]?.inputs ?? {}, out), { code: 'feature_rows_not_fed' });
        let different = 0;
        for (let i = 0; i < requests.length; i += 100) {
          const part = requests.slice(i, i + 100);
          await features.feed({ set: 'shop_copy', until: part.at(-1)?.at ?? 0 });
          for (const { id, at, inputs } of part) {
            reader.read(at, inputs, out);
            const row = wanted.get(id ?? '') ?? [];
            out.forEach((value, f) => {
              if (!Object.is(Number.isNaN(value) ? null : value, row[f] ?? null)) different++;
            });
          }
        }
        assert.equal(different, 0);
        const { labelKnownAt, at = 0 } = requests[0] ?? {};
        assert.equal(labelKnownAt, at + 3 * 86_400_000);
        assert.deepEqual((await features.get('shop')).state, before, 'the real state has seen nothing of it');

        await assert.rejects(features.push({ set: 'shop_copy', source: 'orders', rows: [{}] }), {
          code: 'feature_set_simulated',
        });
        await assert.rejects(features.feed({ set: 'shop', until: at }), { code: 'feature_set_not_simulated' });
        await assert.rejects(
          features.requests({ set: 'shop', service: 'risk', tables: {}, columns: ['no'], limit: 1 }),
          { code: 'not_found' },
        );
        assert.deepEqual(readdirSync(join(folder, name)), ['shop'], 'a simulation is in memory alone');
        await db.write(removeSet, 'shop_copy');
        await assert.rejects(features.get('shop_copy'), { code: 'not_found' });
        const left = await db
          .read<{ features_definition: { digest: string } }>()
          .selectFrom('features_definition')
          .selectAll()
          .execute();
        assert.equal(left.length, 1);
        assert(!existsSync(join(folder, name, 'shop_copy')));
      } finally {
        await features.stop();
      }
    },
  );
});
