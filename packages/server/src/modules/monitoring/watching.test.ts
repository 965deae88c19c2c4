/** What is asked of a monitor beside its verdicts: distributions, history, backtests, silences. */
import assert from 'node:assert/strict';
import { eachDatabase, dbTest, testLog } from '../../platform/db/testing.ts';
import type { Db, NewEvent } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { Clock } from '../../platform/clock.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { createIds } from '../../platform/ids.ts';
import { createLedger } from '../../platform/ledger/create-ledger.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import { Backtest, DriftHeat, SlipwayError, WindowDrift, WindowSummary } from '@slipway/contract';
import { createRandom } from '../../lib/random.ts';
import type { Monitoring, MonitoringPorts, PredictionRows } from './index.ts';
import { createMonitoring, monitoringStore, monitorKind } from './index.ts';
import type { MonitoringTables } from './tables.ts';

const dayMs = 86_400_000;
/** A Monday. */
const start = Date.UTC(2024, 0, 1);
const weeks = 8;
const perWeek = 400;

/**
 * Predictions of eight weeks. Scores are right until week 5, when one label in three more is positive; `dest` brings a
 * value that training never had from week 6 on, in capitals that a page could take for markup.
 */
const fresh = '<img src=x onerror=alert(1)>';
function logged(): PredictionRows {
  const random = createRandom(7);
  const count = weeks * perWeek;
  const at = Float64Array.from({ length: count }, (_, i) => start + (i * 7 * dayMs) / perWeek);
  const score = Float64Array.from({ length: count }, () => 0.1 + 0.4 * random.float());
  const label = score.map((p, i) => {
    const week = Math.floor(i / perWeek);
    return random.float() < (week === 4 || week === 5 ? Math.min(1, p + 0.3) : p) ? 1 : 0;
  });
  return {
    total: count,
    at,
    version: new Int32Array(count).fill(1),
    score,
    shadowVersion: new Int32Array(count),
    shadowScore: new Float64Array(count),
    label,
    features: [{ name: 'temp', values: Float64Array.from(at, () => Math.round(20 * random.float())) }],
    texts: [
      {
        name: 'dest',
        values: Array.from(at, (_, i) => (i >= 6 * perWeek && i % 2 === 0 ? fresh : i % 3 === 0 ? 'ATL' : 'ORD')),
      },
    ],
  };
}

/** The log as its readers see it: how often they did, and what they are told when they ask whether it moved. */
interface Watched {
  reads: number;
  mark: string;
}

function portsOf(rows: PredictionRows, watched: Watched): MonitoringPorts {
  const training = Float64Array.from({ length: 4000 }, (_, i) => start - (4000 - i) * 600_000);
  return {
    findModel: async () => 'm',
    answer: async () => ({ kind: 'score' }),
    taskOf: () => ({ kind: 'binary' }),
    readPairs: async () => [],
    findGateFigure: async () => undefined,
    markPredictions: async () => watched.mark,
    findNextPrediction: async (_, at) => rows.at.find((x) => x >= at),
    readPredictions: async (_, { from, to }) => {
      watched.reads++;
      const picked = [...rows.at.keys()].filter((i) => (rows.at[i] ?? 0) >= from && (rows.at[i] ?? 0) < to);
      const take = (values: Float64Array): Float64Array => Float64Array.from(picked, (i) => values[i] ?? NaN);
      return {
        ...rows,
        total: picked.length,
        at: take(rows.at),
        version: new Int32Array(picked.length).fill(1),
        score: take(rows.score),
        label: take(rows.label),
        features: rows.features.map(({ name, values }) => ({ name, values: take(values) })),
        texts: rows.texts.map(({ name, values }) => ({ name, values: picked.map((i) => values[i] ?? null) })),
      };
    },
    readReference: async () => {
      const random = createRandom(9);
      return {
        at: training,
        features: [{ name: 'temp', values: training.map(() => Math.round(20 * random.float())) }],
        texts: [{ name: 'dest', values: Array.from(training, (_, i) => (i % 3 === 0 ? 'ATL' : 'ORD')) }],
        score: training.map(() => 0.1 + 0.4 * random.float()),
      };
    },
  };
}

const emit = operation('test.emit', async (trx, event: NewEvent): Promise<void> => trx.emit(event));
const declare = operation('test.declare', async (trx, input: { name: string; spec: unknown }): Promise<void> => {
  const spec = monitorKind.parse(input.name, input.spec);
  await monitorKind.apply(trx, { name: input.name, spec, digest: 'sha256:0', project: 'p', actor: 'owner' });
});
/** As rows of a version of the program from before distributions and texts were kept. */
const grow = operation('test.grow-old', async (trx, _: null): Promise<void> => {
  const tables = trx.tables<MonitoringTables>();
  await tables.updateTable('monitoring_window').set({ figures: null }).execute();
  for (const { body, version } of await tables.selectFrom('monitoring_reference').selectAll().execute()) {
    const { numbers }: { numbers: object[] } = JSON.parse(body);
    const old = numbers.map((column) => ({ ...column, picture: undefined }));
    await tables
      .updateTable('monitoring_reference')
      .set({ body: JSON.stringify(old) })
      .where('version', '=', version)
      .execute();
  }
});

const weekly = { endpoint: 'e', window: 'week', labelGrace: 0, drift: { warns: false } };

interface Bench {
  readonly db: Db;
  readonly ledger: Ledger;
  readonly monitoring: Monitoring;
  readonly watched: Watched;
  /** Moves the clock of the writer's host on by so much. */
  judgeUpTo(week: number): Promise<void>;
  fired(): Promise<Readonly<Record<string, unknown>>[]>;
}

eachDatabase((database, openDb) => {
  const options = { modules: [monitoringStore], operations: [emit, declare, grow] };
  const scenario = (title: string, run: (bench: Bench) => Promise<void>): void =>
    dbTest(`${database}: ${title}`, openDb, options, async (_, { db, sealed }) => {
      const clock: Clock = createSystemClock();
      const ledger = createLedger({ db, clock, log: testLog() });
      const watched: Watched = { reads: 0, mark: 'still' };
      const monitoring = createMonitoring({
        db,
        clock,
        ids: createIds(clock),
        log: testLog(),
        ledger,
        ...portsOf(logged(), watched),
      });
      await db.write(declare, { name: 'weekly', spec: weekly });
      const setWatermark = async (week: number): Promise<void> => {
        const body = { endpoint: 'e', count: 1, watermark: start + week * 7 * dayMs };
        await db.write(emit, { kind: 'labels.joined', actor: 'owner', subject: 'endpoint:e', body });
        await sealed();
      };
      ledger.start();
      try {
        await run({
          db,
          ledger,
          monitoring,
          watched,
          judgeUpTo: async (week) => {
            await setWatermark(week);
            for (let i = 0; i < 1000; i++) {
              if ((await monitoring.windows('weekly', { limit: 100 })).items.length === week) return;
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
            assert.fail(`waited in vain for ${week} windows`);
          },
          fired: async () => {
            await sealed();
            return (await ledger.list({ kinds: ['alert.fired', 'alert.resolved'], limit: 50 })).map((e) => ({
              kind: e.kind,
              ...e.body,
            }));
          },
        });
      } finally {
        await ledger.stop();
      }
    });

  scenario('a text input drifts by a value that training never had, and its distribution is kept', async (bench) => {
    await bench.judgeUpTo(8);
    const found = WindowDrift.parse(await bench.monitoring.drift('weekly', 'latest'));
    const dest = found.drift.find((d) => d.name === 'dest');
    assert.deepEqual([dest?.kind, dest?.status, dest?.newShare], ['text', 'drift', 0.5]);
    assert.deepEqual(dest?.newValues, [{ value: fresh, count: 200 }]);
    const figure = found.figures.find((f) => f.name === 'dest');
    assert.ok(figure?.kind === 'text');
    assert.deepEqual(
      figure.values.map((v) => [v.value, v.reference]),
      [
        ['ORD', 2666],
        ['ATL', 1334],
      ],
    );
    assert.deepEqual(
      [figure.new, figure.missing, found.referenceRows],
      [{ reference: 0, window: 200 }, { reference: 0, window: 0 }, 4000],
    );
    const temp = found.figures.find((f) => f.name === 'temp');
    assert.ok(temp?.kind === 'number');
    assert.deepEqual(
      [temp.reference, temp.window].map((counts) => counts.reduce((sum, n) => sum + n, 0)),
      [4000, 400],
    );
    const heat = DriftHeat.parse(await bench.monitoring.heat('weekly', { windows: 4, columns: 1 }));
    assert.deepEqual([heat.windows.length, heat.columnCount, heat.columns[0]?.name], [4, 2, 'dest']);
    assert.deepEqual(
      heat.columns[0]?.cells.map((c) => c?.status),
      ['ordinary', 'ordinary', 'drift', 'drift'],
    );
  });

  scenario(
    'history has the figures of every window without its columns, and what waits for outcomes',
    async (bench) => {
      await bench.judgeUpTo(6);
      const page = await bench.monitoring.history('weekly', { limit: 4 });
      for (const item of page.items) WindowSummary.parse(item);
      assert.deepEqual(
        page.items.map((w) => w.verdict),
        ['alert', 'alert', 'ok', 'ok'],
      );
      assert.ok(page.items.every((w) => w.coverage === 1 && !('drift' in w) && w.auc !== undefined));
      assert.deepEqual(
        page.pending.map((p) => (p.from - start) / (7 * dayMs)),
        [6, 7],
      );
      const rest = await bench.monitoring.history('weekly', { limit: 4, pageToken: page.nextPageToken });
      assert.deepEqual([rest.items.length, rest.pending], [2, []]);
    },
  );

  scenario(
    'with the settings as declared a backtest says what was said; with others, what would have been',
    async (bench) => {
      await bench.judgeUpTo(8);
      await bench.fired();
      const before = (await bench.ledger.head()).seq;
      const same = Backtest.parse(await bench.monitoring.backtest('weekly', {}));
      assert.deepEqual(
        same.windows.map((w) => w.verdict),
        ['ok', 'ok', 'ok', 'ok', 'alert', 'alert', 'ok', 'ok'],
      );
      assert.ok(same.windows.every((w) => w.really === w.verdict));
      const { items } = await bench.monitoring.windows('weekly', { limit: 10 });
      assert.deepEqual(
        same.windows.map((w) => w.sentence),
        items.toReversed().map((w) => w.sentence),
      );
      assert.deepEqual(
        same.alerts.map((a) => [a.severity, a.windows, a.resolvedAt]),
        [['alert', 2, start + 49 * dayMs]],
      );
      assert.deepEqual(
        same.really.map((a) => [a.severity, a.windows, a.at]),
        [['alert', 2, same.alerts[0]?.openedAt]],
      );
      const lenient = await bench.monitoring.backtest('weekly', {
        alertGap: 0.9,
        warningGap: 0.9,
        driftWarns: 'yes',
      });
      assert.deepEqual(
        lenient.windows.map((w) => w.verdict),
        ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'warning', 'warning'],
      );
      assert.deepEqual(lenient.windows[6]?.drifted, ['dest']);
      const daily = await bench.monitoring.backtest('weekly', { window: 'day', labelledMin: 50 });
      assert.equal(daily.windows.length, 56);
      assert.ok(daily.windows.every((w) => w.really === undefined));
      const part = await bench.monitoring.backtest('weekly', {
        window: 'hour',
        labelledMin: 20,
        to: start + 10 * dayMs,
      });
      assert.deepEqual([part.windows.length, part.nextFrom !== undefined], [60, true]);
      await bench.monitoring.evaluate('weekly');
      assert.equal((await bench.ledger.head()).seq, before, 'nothing was kept');
      const invalid = (settings: object) =>
        assert.rejects(
          bench.monitoring.backtest('weekly', settings),
          (e) => e instanceof SlipwayError && e.code === 'backtest_invalid',
        );
      await invalid({ zone: 'Mars/Olympus' });
      await invalid({ warningGap: 0.5 });
      await assert.rejects(bench.monitoring.backtest('weekly', { from: 5, to: 5 }), /the range is empty/);
    },
  );

  scenario('windows are measured once: other rules ask for no row, and answer as if they had', async (bench) => {
    const { monitoring, watched } = bench;
    await bench.judgeUpTo(8);
    const readsOf = async (settings: object): Promise<number> => {
      const before = watched.reads;
      const warm = await monitoring.backtest('weekly', settings);
      const reads = watched.reads - before;
      // A log that moved is read again, and says the same where it is the same.
      watched.mark += '.';
      assert.deepEqual(await monitoring.backtest('weekly', settings), warm);
      assert.equal(watched.reads - before - reads, warm.windows.length);
      return reads;
    };
    assert.equal(await readsOf({}), 8);
    assert.equal(await readsOf({}), 0);
    assert.equal(await readsOf({ alertGap: 0.9, warningGap: 0.9, driftWarns: 'yes' }), 0);
    assert.equal(await readsOf({ labelledMin: 401 }), 0);
    assert.equal(await readsOf({ from: start + 14 * dayMs }), 0);
    assert.equal(await readsOf({ window: 'day', to: start + 5 * dayMs }), 5);
    assert.equal(await readsOf({ zone: 'Asia/Tokyo', to: start + 15 * dayMs }), 2);
  });

  scenario('a silenced alert is recorded and says so; when the silence is over, it fires again', async (bench) => {
    const { monitoring } = bench;
    await bench.judgeUpTo(4);
    const until = Date.now() + 3_600_000;
    const silence = await monitoring.silence('weekly', {
      until,
      reason: 'a known storm',
      alert: undefined,
      actor: 'ann',
    });
    assert.equal((await monitoring.get('weekly')).silence?.id, silence.id);
    await bench.judgeUpTo(5);
    const [alert] = (await monitoring.alerts({ limit: 5 })).items;
    assert.deepEqual([alert?.state, alert?.silence], ['open', silence.id]);
    assert.deepEqual(
      (await bench.fired()).map((e) => e['silence']),
      [{ id: silence.id, until, reason: 'a known storm' }],
    );
    const ended = await monitoring.endSilence(silence.id, 'bob');
    assert.equal(ended.endedBy, 'bob');
    assert.deepEqual(await monitoring.endSilence(silence.id, 'cy'), ended, 'ending twice changes nothing');
    assert.equal((await monitoring.get('weekly')).silence, undefined);
    await bench.judgeUpTo(6);
    assert.deepEqual(
      (await bench.fired()).map((e) => [e['kind'], e['silence'] !== undefined, e['afterSilence']]),
      [
        ['alert.fired', true, undefined],
        ['alert.fired', false, silence.id],
      ],
    );
    assert.equal((await monitoring.alert(alert?.id ?? '')).silence, undefined);
    await bench.judgeUpTo(7);
    const resolved = (await bench.fired()).at(-1);
    assert.deepEqual([resolved?.['kind'], resolved?.['silence']], ['alert.resolved', undefined]);
    assert.deepEqual(
      (await monitoring.silences('weekly', { limit: 5 })).items.map((s) => [s.id, s.endedBy]),
      [[silence.id, 'bob']],
    );
  });

  scenario('a silence that is over by the clock holds nothing back', async (bench) => {
    await bench.judgeUpTo(4);
    await bench.monitoring.silence('weekly', {
      until: Date.now() + 150,
      reason: 'short',
      alert: undefined,
      actor: 'ann',
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal((await bench.monitoring.get('weekly')).silence, undefined);
    await bench.judgeUpTo(5);
    assert.deepEqual(
      (await bench.fired()).map((e) => e['silence']),
      [undefined],
    );
  });

  scenario('one alert is silenced and another monitor is not; what cannot be silenced is refused', async (bench) => {
    const { monitoring } = bench;
    await bench.judgeUpTo(5);
    const [alert] = (await monitoring.alerts({ limit: 5 })).items;
    const until = Date.now() + 3_600_000;
    const ask = (change: object) =>
      monitoring.silence('weekly', { until, reason: 'r', alert: alert?.id, actor: 'ann', ...change });
    await ask({});
    assert.equal((await monitoring.get('weekly')).silence, undefined, 'only the alert is silent');
    const refused = (change: object, pattern: RegExp) =>
      assert.rejects(ask(change), (e) => e instanceof SlipwayError && e.status < 500 && pattern.test(e.message));
    await refused({ until: Date.now() - 1 }, /over already/);
    await refused({ until: Date.now() + 366 * dayMs }, /at most 365 days/);
    await refused({ alert: 'alt_x' }, /no alert "alt_x"/);
    await assert.rejects(
      monitoring.silence('nothing', { until, reason: 'r', alert: undefined, actor: 'a' }),
      /no monitor "nothing"/,
    );
    await assert.rejects(monitoring.endSilence('sil_x', 'a'), /no silence "sil_x"/);
    await bench.judgeUpTo(7);
    const resolved = (await bench.fired()).at(-1);
    assert.equal(resolved?.['kind'], 'alert.resolved');
    assert.deepEqual(Object.keys(Object(resolved?.['silence'])), ['id', 'reason', 'until']);
    await refused({}, /resolved already/);
  });

  scenario('windows and references of before still read; the next window has its distributions', async (bench) => {
    await bench.judgeUpTo(3);
    await bench.db.write(grow, null);
    await assert.rejects(
      bench.monitoring.drift('weekly', 'latest'),
      (e) => e instanceof SlipwayError && e.code === 'window_figures_missing',
    );
    assert.equal((await bench.monitoring.heat('weekly', { windows: 9, columns: 9 })).columns.length, 2);
    await bench.judgeUpTo(4);
    assert.equal((await bench.monitoring.drift('weekly', 'latest')).figures.length, 3);
    await assert.rejects(bench.monitoring.drift('weekly', 'win_x'), /no window "win_x"/);
  });
});
