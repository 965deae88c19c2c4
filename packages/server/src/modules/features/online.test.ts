/** Generated streams: late, corrected and withdrawn events, ties on a coarse grid, edges, null and unknown keys. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import fc from 'fast-check';
import type { Relations } from './compile-sql.ts';
import { parseDefinitionText } from './definition.ts';
import { createEngine } from './online.ts';
import type { TableSchemas } from './plan.ts';
import { createPlan } from './plan.ts';
import { replay } from './replay.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { bySql } from './parity.ts';
import { createTestAnalytics, differences } from './testing.ts';

const analytics = createTestAnalytics();
after(() => analytics[Symbol.asyncDispose]());

const source = (extra: string): string =>
  `{ table: log, event_time: at, keys: { user: user, shop: shop }, tie: rank, where: amount is null or amount != 13, columns: { amount: int = amount, price: float = price, good: bool = amount > 5, kind: string = kind } ${extra} }`;
const features = `
        n: count() over 10s
        n_amount: count(amount) over 60s
        total: sum(amount) over 60s
        total_price: sum(price) over 10s
        average: mean(amount) over 10s
        average_price: mean(price) over 60s
        share: rate(good) over 60s
        smooth: rate(good) over 10s smooth 0.23 weight 10
        some: count() over 60s where kind = 'a'
        ratio: mean(amount) over 10s / mean(amount) over 60s
        newest: last(amount) within 20s
        newest_ever: last(price)
        newest_a: last(amount) within 60s where kind = 'a' and amount is not null
        age: seconds(now - last(event_time))
        asked: size + last(amount) within 60s`;
const definition = parseDefinitionText(`
features: stream
entities: { user: string, shop: int }
request: { size: int }
sources:
  plain: ${source(', known_at: "event_time + if(slow, 25s, 0s)"')}
  versioned: ${source(', version_key: id, withdrawn: gone')}
views:
  plain_user: { source: plain, entity: user, features: { ${features
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join(', ')} } }
  plain_both: { source: plain, entity: [user, shop], edges: closed, features: { n2: count() over 10s, s2: sum(amount) over 60s, l2: last(amount) within 10s } }
  versioned_user: { source: versioned, entity: user, features: { ${features
    .trim()
    .split('\n')
    .map((line) => `v_${line.trim()}`)
    .join(', ')} } }
  versioned_both: { source: versioned, entity: [user, shop], edges: closed, features: { v2: count() over 10s, w2: sum(amount) over 60s, x2: last(amount) within 10s } }
services: { all: { features: [plain_user, plain_both, versioned_user, versioned_both] } }
`);
const schemas: TableSchemas = new Map([
  [
    'log',
    [
      ['id', 'BIGINT'],
      ['at', 'TIMESTAMP'],
      ['user', 'VARCHAR'],
      ['shop', 'BIGINT'],
      ['rank', 'BIGINT'],
      ['amount', 'BIGINT'],
      ['price', 'DOUBLE'],
      ['kind', 'VARCHAR'],
      ['slow', 'BOOLEAN'],
      ['gone', 'BOOLEAN'],
    ].map(([name = '', type = '']) => ({ name, type })),
  ],
]);
const plan = createPlan(definition, schemas);
const service = plan.services.get('all');
assert.ok(service);
const names = service.features.map(({ name }) => name);

const originMs = Date.UTC(2020, 0, 1);
const second = 1000;
interface Event {
  readonly id: number;
  readonly at: number;
  readonly user: string | null;
  readonly shop: number | null;
  readonly rank: number | null;
  readonly amount: number | null;
  readonly price: number | null;
  readonly kind: string | null;
  readonly slow: boolean;
  readonly gone: boolean;
}
type Step =
  | {
      readonly kind: 'event';
      readonly source: 'plain' | 'versioned';
      readonly waitS: number;
      readonly row: Omit<Event, 'at'>;
      readonly lateS: number;
    }
  | {
      readonly kind: 'read';
      readonly waitS: number;
      readonly user: string | null;
      readonly shop: number | null;
      readonly size: number | null;
    };

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 8 });
const user = maybe(fc.constantFrom('a', 'b', 'a|b', '1'));
const shop = maybe(fc.integer({ min: 1, max: 2 }));
const wait = fc.constantFrom(0, 0, 0, 1, 2, 5, 10, 30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      source: fc.constantFrom('plain' as const, 'versioned' as const),
      waitS: wait,
      lateS: fc.constantFrom(0, 0, 0, 1, 9, 10, 11, 40, 60, 90, -3, -15),
      row: fc.record({
        id: fc.integer({ min: 0, max: 12 }),
        user,
        shop,
        rank: maybe(fc.integer({ min: 0, max: 2 })),
        amount: maybe(fc.constantFrom(0, 1, 6, 13, -4, 1000)),
        price: maybe(fc.constantFrom(0.1, -2.75, 1e6, 3.3333)),
        kind: maybe(fc.constantFrom('a', 'b')),
        slow: fc.boolean(),
        gone: fc.constantFrom(false, false, false, true),
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('read' as const), waitS: wait, user, shop, size: maybe(fc.integer()) }),
  },
);

interface Logged {
  readonly position: number;
  readonly knownUs: number;
  readonly row: Event;
}
interface Outcome {
  readonly values: Float64Array;
  readonly reads: readonly { readonly t: number; readonly step: Step & { kind: 'read' } }[];
  readonly log: Readonly<Record<'plain' | 'versioned', readonly Logged[]>>;
}

/** Runs a stream through the engine. With `restartEvery`, it is saved and restored on the way. */
function run(steps: readonly Step[], restartEvery = Infinity): Outcome {
  let engine = createEngine(plan);
  let nowS = 100;
  const log: Record<'plain' | 'versioned', Logged[]> = { plain: [], versioned: [] };
  const positions = { plain: 0, versioned: 0 };
  const reads: Outcome['reads'][number][] = [];
  const rows: number[] = [];
  const out = new Float64Array(names.length);
  steps.forEach((item, index) => {
    nowS += item.waitS;
    if (item.kind === 'event') {
      const row = { ...item.row, at: originMs + (nowS - item.lateS) * second };
      const knownUs = engine.push(item.source, { ...row }, (originMs + nowS * second) * 1000);
      if (knownUs !== undefined) log[item.source].push({ position: positions[item.source]++, knownUs, row });
    } else {
      const t = (originMs + nowS * second) * 1000;
      engine.reader('all').read(t, { user: item.user, shop: item.shop, size: item.size }, out);
      reads.push({ t, step: item });
      rows.push(...out);
    }
    if (index % restartEvery === restartEvery - 1) {
      const snapshot = decodeSnapshot(plan, encodeSnapshot(plan, engine.data(), {}), 'memory');
      assert.ok(snapshot);
      engine = createEngine(plan);
      engine.restore(snapshot.data);
    }
  });
  return { values: Float64Array.from(rows), reads, log };
}

const literal = (value: string | number | boolean | null, type: string): string =>
  value === null ? `CAST(NULL AS ${type})` : typeof value === 'string' ? `'${value}'` : `CAST(${value} AS ${type})`;

function relationsOf({ log }: Outcome): Relations {
  return ({ name }) => {
    const rows = log[name as 'plain' | 'versioned'].map(({ position, knownUs, row }) => {
      const cells = [
        literal(row.id, 'BIGINT'),
        `make_timestamp(${row.at * 1000})`,
        literal(row.user, 'VARCHAR'),
        literal(row.shop, 'BIGINT'),
        literal(row.rank, 'BIGINT'),
        literal(row.amount, 'BIGINT'),
        literal(row.price, 'DOUBLE'),
        literal(row.kind, 'VARCHAR'),
        literal(row.slow, 'BOOLEAN'),
        literal(row.gone, 'BOOLEAN'),
      ];
      return `(${knownUs}, ${position}, ${cells.join(', ')})`;
    });
    const empty = "(0, 0, 0, make_timestamp(0), '', 0, 0, 0, 0e0, '', false, false)";
    return {
      isLog: true,
      sql: `(SELECT * FROM (VALUES ${[empty, ...rows].join(', ')}) AS v(__known_us, __position, id, "at", "user", shop, rank, amount, price, kind, slow, gone) OFFSET 1)`,
    };
  };
}

function spineOf({ reads }: Outcome): string {
  const rows = reads.map(
    ({ t, step: { user: u, shop: s, size } }, i) =>
      `(${i + 1}, ${t}, ${literal(u, 'VARCHAR')}, ${literal(s, 'BIGINT')}, ${literal(size, 'BIGINT')})`,
  );
  return `(SELECT * FROM (VALUES ${rows.join(', ')}) AS v(_row, _t, in_user, in_shop, in_size))`;
}

/** The newest version known at t of each event, by plain filters; then what a window holds. */
function bruteCount(
  outcome: Outcome,
  ask: {
    readonly which: 'plain' | 'versioned';
    readonly t: number;
    readonly request: Step & { kind: 'read' };
    readonly widthUs: number;
  },
): { n: number; total: number } {
  const { which, t, request, widthUs } = ask;
  const known = outcome.log[which].filter(({ knownUs }) => knownUs <= t);
  const current =
    which === 'plain'
      ? known
      : known.filter(
          ({ row, position }) => !known.some((other) => other.row.id === row.id && other.position > position),
        );
  const inside = current.filter(({ row }) => {
    const present = row.amount !== 13 && !(which === 'versioned' && row.gone);
    return (
      present && row.user === request.user && row.user !== null && row.at * 1000 <= t && row.at * 1000 > t - widthUs
    );
  });
  return { n: inside.length, total: inside.reduce((sum, { row }) => sum + (row.amount ?? 0), 0) };
}

const runs = Number(process.env['SLIPWAY_TEST_RUNS'] ?? 15);
const streams = fc
  .array(step, { minLength: 150, maxLength: 250 })
  .filter((steps) => steps.some(({ kind }) => kind === 'read'));

test('online, compiled and replayed give the same bits on any stream, and counts equal plain brute force', async () => {
  const connection = await analytics.connect();
  let cells = 0;
  await fc.assert(
    fc.asyncProperty(streams, async (steps) => {
      const outcome = run(steps);
      const relations = relationsOf(outcome);
      const spine = spineOf(outcome);
      assert.ok(service);
      const compiled = await bySql(connection, { plan, service, relations, spine });
      assert.deepEqual(differences(outcome.values, compiled, names), { count: 0, first: '' });
      const direct = await bySql(connection, { plan, service, relations, spine, form: 'direct' });
      assert.deepEqual(differences(outcome.values, direct, names), { count: 0, first: '' });
      const replayed = await replay({
        engine: createEngine(plan),
        service,
        connect: () => analytics.connect(),
        relations,
        spine,
        rowCount: outcome.reads.length,
      });
      assert.deepEqual(differences(outcome.values, replayed.values, names), { count: 0, first: '' });
      outcome.reads.forEach(({ t, step: request }, r) => {
        const at = (name: string): number | undefined => outcome.values[r * names.length + names.indexOf(name)];
        for (const [which, prefix] of [
          ['plain', ''],
          ['versioned', 'v_'],
        ] as const) {
          const short = bruteCount(outcome, { which, t, request, widthUs: 10e6 });
          // A plain row that is corrected by a slow rule still counts from its known instant, which the log holds.
          assert.equal(at(`${prefix}n`), short.n, `${prefix}n at read ${r}`);
          assert.equal(
            at(`${prefix}total`),
            bruteCount(outcome, { which, t, request, widthUs: 60e6 }).total,
            `${prefix}total at read ${r}`,
          );
        }
      });
      cells += outcome.values.length;
    }),
    { numRuns: runs, seed: 11, endOnFailure: true },
  );
  connection.closeSync();
  assert.ok(cells > 1000 * runs);
});

test('saved and restored at any point: the same bits', () => {
  fc.assert(
    fc.property(streams, fc.integer({ min: 1, max: 40 }), (steps, every) => {
      assert.deepEqual(run(steps, every).values, run(steps).values);
    }),
    { numRuns: runs, seed: 12, endOnFailure: true },
  );
});

test('a key whose windows are empty is forgotten', () => {
  const engine = createEngine(
    createPlan(
      parseDefinitionText(`
features: small
entities: { user: string }
sources: { s: { table: log, event_time: at, keys: { user: user } } }
views: { v: { source: s, entity: user, within: 20s, features: { n: count() over 10s, age: seconds(now - last(event_time)) } } }
services: { all: { features: [v] } }
`),
      schemas,
    ),
  );
  for (let i = 0; i < 1000; i++) engine.push('s', { at: originMs + i, user: `u${i}` });
  const out = new Float64Array(2);
  engine.reader('all').read((originMs + 15_000) * 1000, { user: 'u999' }, out);
  assert.deepEqual([...out], [0, 14]);
  assert.equal(engine.stats().sources['s']?.keys, 1000);
  engine.reader('all').read((originMs + 20_500) * 1000, { user: 'u999' }, out);
  assert.equal(engine.stats().sources['s']?.keys, 500);
  engine.advance((originMs + 60_000) * 1000);
  assert.equal(engine.stats().sources['s']?.keys, 0);
});

test('time does not go back, and wrong values are refused by name', () => {
  const engine = createEngine(plan);
  const reader = engine.reader('all');
  const out = new Float64Array(names.length);
  const t = originMs * 1000;
  const none = Object.fromEntries(reader.inputs.map(({ name }) => [name, null]));
  reader.read(t, none, out);
  const refused = (work: () => unknown, code: string, message: RegExp): void => {
    assert.throws(work, (error: unknown) => {
      assert.ok(error instanceof SlipwayError && error.code === code, String(error));
      assert.match(error.message, message);
      return true;
    });
  };
  refused(() => reader.read(t - 1, none, out), 'feature_time_went_back', /stands at 2020-01-01T00:00:00\.000Z/);
  refused(() => reader.read(Number.NaN, none, out), 'feature_time_went_back', /NaN/);
  refused(() => reader.read(t, { ...none, user: undefined }, out), 'feature_request_invalid', /user is missing.*null/);
  refused(() => reader.read(t, { ...none, shop: 'one' }, out), 'feature_request_invalid', /shop is "one"/);
  refused(() => reader.read(t, { ...none, shop: 1.5 }, out), 'feature_request_invalid', /must be an integer/);
  refused(
    () => engine.push('plain', { at: 'yesterday' }),
    'feature_row_invalid',
    /column at is .*yesterday.*must be an instant/,
  );
  refused(() => engine.push('nope', {}), 'not_found', /Sources of stream: plain, versioned/);
  assert.equal(engine.push('plain', { at: originMs - 5000, user: 'a', amount: 1 }), t + 1, 'known after what was read');
  reader.read(t, { ...none, user: 'a' }, out);
  assert.equal(out[0], 0);
  reader.read(t + 1, { ...none, user: 'a' }, out);
  assert.equal(out[0], 1);
});
