import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../../platform/clock.ts';
import { operation } from '../../platform/db/db.ts';
import type { Db, NewEvent } from '../../platform/db/db.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import { createLedger } from '../../platform/ledger/create-ledger.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import type { Monitoring, MonitoringPorts, PredictionRows } from './index.ts';
import { createMonitoring, monitoringStore, monitorKind } from './index.ts';

interface Packed {
  readonly minute: readonly number[];
  readonly score: readonly number[];
  readonly temp: readonly (number | null)[];
  readonly slack: readonly (number | null)[];
}

/**
 * Every fifth flight of 1 April to 8 May 2013 with the scores of two models (trained to March and to April) and its label
 * (-1: never landed), and every twentieth of January to March as training data. Minutes since 2013-01-01, scores times 10^4.
 */
const data = JSON.parse(readFileSync(new URL('./testdata/april.json', import.meta.url), 'utf8')) as {
  readonly served: Packed & { readonly shadow: readonly number[]; readonly label: readonly number[] };
  readonly training: Packed;
};

const start = Date.UTC(2013, 0, 1);
const instants = (packed: Packed): Float64Array => Float64Array.from(packed.minute, (m) => start + m * 60_000);
const servedAt = instants(data.served);
const column = (values: readonly (number | null)[], scale = 1): Float64Array =>
  Float64Array.from(values, (v) => (v === null ? NaN : v / scale));
const featuresOf = (packed: Packed): PredictionRows['features'] => [
  { name: 'temp', values: column(packed.temp, 10) },
  { name: 'tail_slack', values: column(packed.slack) },
];

/** The flights as a prediction log: version 1 answers, version 2 is in the shadow from May on. */
function portsOf(change: (rows: PredictionRows) => PredictionRows = (rows) => rows): MonitoringPorts {
  const all: PredictionRows = change({
    total: servedAt.length,
    at: servedAt,
    version: new Int32Array(servedAt.length).fill(1),
    score: column(data.served.score, 1e4),
    shadowVersion: Int32Array.from(servedAt, (at) => (at < Date.parse('2013-05-01T04:00Z') ? 0 : 2)),
    shadowScore: column(data.served.shadow, 1e4),
    label: Float64Array.from(data.served.label, (y) => (y < 0 ? NaN : y)),
    features: featuresOf(data.served),
    texts: [],
  });
  return {
    findModel: async () => 'flight-delay',
    answer: async () => ({ kind: 'score' }),
    taskOf: () => ({ kind: 'binary' }),
    readPairs: async () => [],
    findGateFigure: async () => undefined,
    markPredictions: async () => 'still',
    findNextPrediction: async (_, at) => all.at.find((x) => x >= at),
    readPredictions: async (_, { from, to }) => {
      const first = all.at.findIndex((x) => x >= from);
      const next = all.at.findIndex((x) => x >= to);
      const end = next < 0 ? all.at.length : next;
      const begin = first < 0 ? end : first;
      return {
        total: end - begin,
        at: all.at.subarray(begin, end),
        version: all.version.subarray(begin, end),
        score: all.score.subarray(begin, end),
        shadowVersion: all.shadowVersion.subarray(begin, end),
        shadowScore: all.shadowScore.subarray(begin, end),
        label: all.label.subarray(begin, end),
        features: all.features.map(({ name, values }) => ({ name, values: values.subarray(begin, end) })),
        texts: all.texts.map(({ name, values }) => ({ name, values: values.slice(begin, end) })),
      };
    },
    readReference: async (_, version) =>
      version === 1
        ? {
            at: instants(data.training),
            features: featuresOf(data.training),
            texts: [],
            score: column(data.training.score, 1e4),
          }
        : undefined,
  };
}

const emit = operation('test.emit', async (trx, event: NewEvent): Promise<void> => trx.emit(event));
const declare = operation('test.declare', async (trx, input: { name: string; spec: unknown }): Promise<void> => {
  const spec = monitorKind.parse(input.name, input.spec);
  await monitorKind.apply(trx, { name: input.name, spec, digest: 'sha256:0', project: 'flights', actor: 'owner' });
});
const retire = operation('test.retire', async (trx, name: string): Promise<void> => {
  await monitorKind.remove(trx, { name, project: 'flights', actor: 'owner' });
});

const weekly = { endpoint: 'flight-delay', window: 'week', zone: 'America/New_York' };

interface Bench {
  readonly db: Db;
  readonly ledger: Ledger;
  readonly monitoring: Monitoring;
  /** Reports that labels are complete up to an instant. */
  labelsUpTo(instant: string): Promise<void>;
  events(kind: string): Promise<Record<string, unknown>[]>;
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`waited in vain until ${what}`);
}

/** From the second week on, one column comes in seconds instead of minutes. */
const inSeconds = (rows: PredictionRows): PredictionRows => ({
  ...rows,
  features: rows.features.map((f) =>
    f.name === 'tail_slack'
      ? { ...f, values: f.values.map((v, i) => ((rows.at[i] ?? 0) < Date.parse('2013-04-08T04:00Z') ? v : v * 60)) }
      : f,
  ),
});

eachDatabase((database, openDb) => {
  const options = { modules: [monitoringStore], operations: [emit, declare, retire] };
  const scenario = (title: string, run: (bench: Bench) => Promise<void>, ports = portsOf()): void =>
    dbTest(`${database}: ${title}`, openDb, options, async (_, { db, sealed }) => {
      const clock = createSystemClock();
      const ledger = createLedger({ db, clock, log: testLog() });
      const monitoring = createMonitoring({ db, clock, ids: createIds(clock), log: testLog(), ledger, ...ports });
      ledger.start();
      try {
        await run({
          db,
          ledger,
          monitoring,
          labelsUpTo: async (instant) => {
            const body = { endpoint: 'flight-delay', count: 1, watermark: Date.parse(instant) };
            await db.write(emit, { kind: 'labels.joined', actor: 'owner', subject: 'endpoint:flight-delay', body });
            await sealed();
          },
          events: async (kind) => {
            await sealed();
            return (await ledger.list({ kinds: [kind], limit: 50 })).map((e) => ({ ...e.body }));
          },
        });
      } finally {
        await ledger.stop();
      }
    });

  scenario(
    'the labels of April are judged by week: the decay is found, once, in the week in which it is there',
    async (bench) => {
      await bench.db.write(declare, { name: 'weekly', spec: weekly });
      await bench.labelsUpTo('2013-04-28T00:00Z');
      await until(
        async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 3,
        'three windows',
      );
      assert.deepEqual(await bench.events('alert.fired').then((e) => e.map((b) => b['severity'])), ['warning']);
      await bench.labelsUpTo('2013-05-08T00:00Z');
      await until(
        async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 5,
        'five windows',
      );

      const { items } = await bench.monitoring.windows('weekly', { limit: 9 });
      const weeks = items.toReversed();
      // Weeks of 1, 8, 15, 22 and 29 April; gaps measured apart with pandas.
      assert.deepEqual(
        weeks.map((w) => w.calibration?.gap.toFixed(3)),
        ['0.038', '0.056', '0.052', '0.160', '-0.036'],
      );
      assert.deepEqual(
        weeks.map((w) => w.verdict),
        ['ok', 'warning', 'warning', 'alert', 'ok'],
      );
      assert.ok(weeks.every((w) => w.coverage > 0.9 && (w.auc?.value ?? 0) > 0.7 && w.logLoss?.by === 'clusters'));

      const { items: alerts } = await bench.monitoring.alerts({ limit: 10 });
      assert.equal(alerts.length, 1, 'one alert, raised from warning to alert, not one per week');
      assert.equal(alerts[0]?.severity, 'alert');
      assert.deepEqual([alerts[0]?.windows, alerts[0]?.state], [3, 'resolved']);
      const fired = await bench.events('alert.fired');
      assert.deepEqual(
        fired.map((b) => [b['severity'], b['raisedFrom'], b['windowEnd']]),
        [
          ['warning', null, Date.parse('2013-04-15T04:00Z')],
          ['alert', 'warning', Date.parse('2013-04-29T04:00Z')],
        ],
      );
      assert.match(
        String(fired[1]?.['sentence']),
        /^Week of 2013-04-22: predicted 0\.2\d\d, observed 0\.4\d\d on 1\d\d\d labelled \(9\d %\): gap \+0\.160, z 1\d\.\d/,
      );
    },
  );

  scenario(
    'drift of the scores does not show the decay; the weather is called season; the schedule is ordinary',
    async (bench) => {
      await bench.db.write(declare, { name: 'weekly', spec: weekly });
      await bench.labelsUpTo('2013-05-08T00:00Z');
      await until(
        async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 5,
        'five windows',
      );
      const { items } = await bench.monitoring.windows('weekly', { limit: 9 });
      const stormy = items.find((w) => w.verdict === 'alert');
      assert.notEqual(stormy?.scoreDrift?.status, 'drift');
      const status = (name: string): string | undefined => stormy?.drift.find((d) => d.name === name)?.status;
      assert.equal(status('temp'), 'season');
      assert.equal(status('tail_slack'), 'ordinary');
      assert.match(stormy?.sentence ?? '', /season: temp/);
    },
  );

  scenario(
    'a broken source is drift and warns although the level holds',
    async (bench) => {
      const lenient = { ...weekly, alert: { gap: 0.5, z: 4 }, warning: { gap: 0.5, z: 3 } };
      await bench.db.write(declare, { name: 'weekly', spec: lenient });
      await bench.labelsUpTo('2013-05-08T00:00Z');
      await until(
        async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 5,
        'five windows',
      );
      const { items } = await bench.monitoring.windows('weekly', { limit: 9 });
      assert.deepEqual(
        items.toReversed().map((w) => w.verdict),
        ['ok', 'warning', 'warning', 'warning', 'warning'],
      );
      assert.match(items[0]?.sentence ?? '', /drifted: tail_slack/);
    },
    portsOf(inSeconds),
  );

  scenario('evaluating again, and labels told twice, record nothing twice', async (bench) => {
    await bench.db.write(declare, { name: 'weekly', spec: weekly });
    await bench.labelsUpTo('2013-05-08T00:00Z');
    await bench.labelsUpTo('2013-04-20T00:00Z');
    await until(
      async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 5,
      'five windows',
    );
    assert.deepEqual(await bench.monitoring.evaluate('weekly'), []);
    await Promise.all([bench.monitoring.evaluate('weekly'), bench.monitoring.evaluate('weekly')]);
    assert.equal((await bench.events('monitor.window-judged')).length, 5);
    assert.equal((await bench.monitoring.get('weekly')).labelWatermarkAt, Date.parse('2013-05-08T00:00Z'));
    const page = await bench.monitoring.windows('weekly', { limit: 2 });
    const rest = await bench.monitoring.windows('weekly', { limit: 9, pageToken: page.nextPageToken });
    assert.deepEqual([page.items.length, rest.items.length, rest.nextPageToken], [2, 3, undefined]);
  });

  scenario('a window waits for its labels and their grace; a retired monitor judges no more', async (bench) => {
    await bench.db.write(declare, { name: 'weekly', spec: { ...weekly, labelGrace: '24h' } });
    await bench.labelsUpTo('2013-04-09T03:59Z');
    await bench.labelsUpTo('2013-04-09T03:59:59Z');
    await until(
      async () => (await bench.monitoring.get('weekly')).labelWatermarkAt === Date.parse('2013-04-09T03:59:59Z'),
      'labels',
    );
    assert.deepEqual(await bench.monitoring.evaluate('weekly'), []);
    await bench.labelsUpTo('2013-04-09T04:00Z');
    await until(async () => (await bench.monitoring.windows('weekly', { limit: 9 })).items.length === 1, 'one window');
    await bench.db.write(retire, 'weekly');
    await bench.labelsUpTo('2013-05-08T00:00Z');
    await until(async () => (await bench.ledger.head()).seq > 3, 'the event');
    assert.deepEqual(await bench.monitoring.evaluate('weekly'), []);
  });

  scenario(
    'too few labels are said to be too few, and an unknown training set leaves drift out, not quality',
    async (bench) => {
      await bench.db.write(declare, { name: 'strict', spec: { ...weekly, labelledMin: 100_000 } });
      await bench.db.write(declare, { name: 'weekly', spec: weekly });
      const april = { from: Date.parse('2013-04-01T04:00Z'), to: Date.parse('2013-05-01T04:00Z') };
      const few = await bench.monitoring.measure('strict', april);
      assert.equal(few.verdict, 'too-few-labels');
      assert.match(few.sentence, /at least 100000 are needed/);
      const month = await bench.monitoring.measure('weekly', april);
      assert.equal(month.calibration?.gap.toFixed(2), '0.07');
      assert.match(month.sentence, /Drift was not measured/);
      assert.equal((await bench.events('monitor.window-judged')).length, 0, 'measuring records nothing');
    },
    { ...portsOf(), readReference: async () => undefined },
  );

  scenario('two versions are compared on the predictions that both scored', async (bench) => {
    const may = {
      from: Date.parse('2013-05-01T04:00Z'),
      to: Date.parse('2013-06-01T04:00Z'),
      zone: 'America/New_York',
    };
    const compared = await bench.monitoring.compare('flight-delay', { champion: 1, challenger: 2, ...may });
    assert(compared.task === 'binary');
    assert.ok(compared.count > 1400 && compared.count < 1500);
    assert.equal(compared.dAucByDay.clusters, 8);
    assert.ok(compared.sentence.includes('dAUC') && compared.warnings.some((w) => w.startsWith('only 8 days')));
    await assert.rejects(
      bench.monitoring.compare('flight-delay', { champion: 1, challenger: 7, ...may }),
      (e) => e instanceof SlipwayError && e.code === 'comparison_empty',
    );
  });

  const side = (rows: PredictionRows, nameOf: (i: number) => string) => Array.from(rows.at, (_, i) => nameOf(i));
  scenario(
    'where a version ranks better is told by a text of the requests',
    async ({ monitoring }) => {
      const may = { from: Date.parse('2013-05-01T04:00Z'), to: Date.parse('2013-06-01T04:00Z'), zone: 'UTC' };
      const versions = { champion: 1, challenger: 2, ...may };
      const found = await monitoring.compareSegments('flight-delay', versions);
      const whole = await monitoring.compare('flight-delay', versions);
      assert(whole.task === 'binary');
      assert.deepEqual([found.columns, found.by], [['side', 'route'], 'side'], 'few values first; ids split nothing');
      assert.deepEqual([found.all.count, found.all.positives], [whole.count, whole.positives]);
      assert.equal(found.all.dAuc?.value, whole.dAuc.value);
      assert.equal(found.segments[2]?.value, 'rare');
      assert.equal(found.segments[2]?.dAuc, undefined, 'too few rows have no figure');
      assert.equal(found.segments.reduce((n, one) => n + one.count, 0) + found.otherCount, found.all.count);
      assert.equal(found.level, 0.975, 'two looks');
      const widthOf = (one: (typeof found)['segments'][number] | undefined, n: number): number => {
        const { low, high, standardError } = one?.dAuc ?? assert.fail();
        assert(low !== null && high !== null && standardError !== null && n > 0);
        return (high - low) / standardError;
      };
      const [east, all] = [widthOf(found.segments[0], 1), widthOf({ value: null, ...found.all }, 1)];
      assert(east > all, 'segments have the wider interval');
      const bins = whole.calibration.challenger;
      assert.equal(bins.length, 10);
      assert.equal(
        bins.reduce((n, bin) => n + bin.count, 0),
        whole.count,
      );
      const mean = bins.reduce((n, bin) => n + bin.count * bin.meanScore, 0) / whole.count;
      assert(Math.abs(mean - whole.scores.challenger.meanScore) < 1e-9);

      const routes = await monitoring.compareSegments('flight-delay', { ...versions, by: 'route' });
      assert.equal(routes.segments.length, 12);
      assert(routes.otherCount > 0);
      await assert.rejects(
        monitoring.compareSegments('flight-delay', { ...versions, by: 'id' }),
        (e) => e instanceof SlipwayError && e.code === 'segment_column_missing' && e.message.includes('side, route'),
      );
      await assert.rejects(
        monitoring.compareSegments('flight-delay', { ...versions, challenger: 7 }),
        (e) => e instanceof SlipwayError && e.code === 'comparison_empty',
      );
    },
    portsOf((rows) => ({
      ...rows,
      texts: [
        { name: 'id', values: side(rows, (i) => `f${i}`) },
        { name: 'route', values: side(rows, (i) => (i % 3 === 0 ? 'a' : i % 3 === 1 ? 'b' : `r${i % 40}`)) },
        { name: 'side', values: side(rows, (i) => (i % 50 === 0 ? 'rare' : i % 3 === 0 ? 'west' : 'east')) },
      ],
    })),
  );
  scenario(
    'ranking by segment is of two classes only',
    async ({ monitoring }) => {
      await assert.rejects(
        monitoring.compareSegments('flight-delay', { champion: 1, challenger: 2, from: 0, to: 1, zone: 'UTC' }),
        (e) => e instanceof SlipwayError && e.code === 'segments_task',
      );
    },
    { ...portsOf(), taskOf: () => ({ kind: 'number' }) },
  );

  scenario('an alert is acknowledged and resolved, and explains itself', async (bench) => {
    await bench.db.write(declare, { name: 'weekly', spec: { ...weekly, warning: { gap: 0.05, z: 3 } } });
    await bench.labelsUpTo('2013-04-30T04:00Z');
    await until(async () => (await bench.events('alert.fired')).length === 2, 'the alert');
    const open1 = (await bench.monitoring.alerts({ limit: 1, state: 'open' })).items[0];
    const acknowledged = await bench.monitoring.acknowledge(open1?.id ?? '', { actor: 'owner', note: 'storm' });
    assert.deepEqual(
      [acknowledged.state, acknowledged.note, acknowledged.acknowledgedBy],
      ['acknowledged', 'storm', 'owner'],
    );
    assert.match((await bench.monitoring.explainAlert(open1?.id ?? ''))?.title ?? '', /^alert of monitor weekly/);
    await bench.labelsUpTo('2013-05-08T00:00Z');
    await until(async () => (await bench.events('alert.resolved')).length === 1, 'the good week');
    assert.equal((await bench.monitoring.alert(open1?.id ?? '')).state, 'resolved');
    await assert.rejects(
      bench.monitoring.acknowledge(open1?.id ?? '', { actor: 'owner', note: undefined }),
      /resolved already/,
    );
    await assert.rejects(bench.monitoring.alert('alt_nothing'), /There is no alert "alt_nothing"/);
    await assert.rejects(bench.monitoring.get('nothing'), /There is no monitor "nothing"/);
  });
});

test('declarations are checked: zone, order of the rules, unknown words', () => {
  for (const [spec, problem] of [
    [{ ...weekly, zone: 'Mars/Olympus' }, /zone "Mars\/Olympus"/],
    [{ ...weekly, alert: { gap: 0.01, z: 4 } }, /must not be stricter/],
    [{ ...weekly, windw: 'day' }, /windw/],
    [{ window: 'week' }, /endpoint/],
    [{ ...weekly, labelGrace: 'soon' }, /labelGrace/],
  ] as const) {
    assert.throws(() => monitorKind.parse('m', spec), problem);
  }
});
