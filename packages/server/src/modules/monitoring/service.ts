/**
 * Monitors at work: they follow the labels. When labels of an endpoint are complete beyond the end of a window (plus the
 * monitor's grace), the window is read from the prediction log, judged against the serving version's training data, and
 * recorded; the record raises or resolves the alert in the same transaction.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Alert, Monitor, MonitorWindow, VersionComparison } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { createCalendar } from '../../lib/calendar.ts';
import type { Calendar } from '../../lib/calendar.ts';
import { describeReference } from '../../lib/drift.ts';
import type { ReferenceColumn } from '../../lib/drift.ts';
import { clustersOf } from '../../lib/intervals.ts';
import type { Judged } from '../../lib/intervals.ts';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import { comparePaired, decidePaired } from '../../lib/paired.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Ledger, LedgerEvent } from '../../platform/ledger/ledger.ts';
import type { Log } from '../../platform/log.ts';
import type { Explanation } from '../governance/index.ts';
import { finite, judgeWindow, numberOf, scoreColumn } from './judge-window.ts';
import type { WindowRows } from './judge-window.ts';
import type { DriftMemory, MonitoringTables, WindowRow } from './store.ts';
import {
  acknowledgeAlert,
  alertMissing,
  alertOf,
  findAlert,
  findLastWindow,
  findMonitor,
  findReference,
  findWatermark,
  listMonitorsOf,
  monitorOf,
  recordWindow,
  saveReference,
  setWatermark,
  windowOf,
} from './store.ts';

/** Columns of the prediction log, in event order. [rows] each. */
export interface PredictionRows {
  /** Predictions in the range: more than `at.length` when the answer is a sample. */
  readonly total: number;
  /** Event time, milliseconds since 1970 UTC. */
  readonly at: Float64Array;
  /** Number of the version that answered, and its score. */
  readonly version: Int32Array;
  readonly score: Float64Array;
  /** Number of the version that was asked beside it, 0 for none, and its score. */
  readonly shadowVersion: Int32Array;
  readonly shadowScore: Float64Array;
  /** 0, 1, or NaN where no label came. */
  readonly label: Float64Array;
  /** Model inputs; NaN for missing. Left out when not asked for. */
  readonly features: readonly { readonly name: string; readonly values: Float64Array }[];
}

/** Training rows of a version and what the version says of them. */
export interface ReferenceRows {
  /** Event time, milliseconds since 1970 UTC. */
  readonly at: Float64Array;
  readonly features: readonly { readonly name: string; readonly values: Float64Array }[];
  readonly score: Float64Array | undefined;
}

export interface ReadRange {
  /** First instant, and first instant after: event time. */
  readonly from: number;
  readonly to: number;
  readonly rowsMax: number;
  readonly features: boolean;
}

/** What monitoring needs from serving, registry and pipelines. */
export interface MonitoringPorts {
  readonly readPredictions: (endpoint: string, range: ReadRange) => Promise<PredictionRows>;
  /** Event time of the first prediction at or after an instant. */
  readonly findNextPrediction: (endpoint: string, at: number) => Promise<number | undefined>;
  /** The registered model that an endpoint serves. */
  readonly findModel: (endpoint: string) => Promise<string | undefined>;
  /** Undefined when the version's training data is not known. */
  readonly readReference: (model: string, version: number) => Promise<ReferenceRows | undefined>;
}

export interface MonitoringDeps extends MonitoringPorts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly ledger: Ledger;
}

export interface CompareRequest {
  readonly champion: number;
  readonly challenger: number;
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

export interface Monitoring {
  list(page: PageRequest): Promise<Page<Monitor>>;
  get(name: string): Promise<Monitor>;
  windows(name: string, page: PageRequest): Promise<Page<MonitorWindow>>;
  /** Judges and records every window whose labels are complete. */
  evaluate(name: string): Promise<MonitorWindow[]>;
  /** Measures one range as if it were a window, and records nothing. */
  measure(name: string, range: { readonly from: number; readonly to: number }): Promise<MonitorWindow>;
  compare(endpoint: string, request: CompareRequest): Promise<VersionComparison>;
  alerts(
    page: PageRequest & { readonly state?: Alert['state'] | undefined; readonly monitor?: string | undefined },
  ): Promise<Page<Alert>>;
  alert(id: string): Promise<Alert>;
  acknowledge(id: string, input: { readonly actor: string; readonly note: string | undefined }): Promise<Alert>;
  /** For `slipway why alert <id>`. */
  explainAlert(id: string): Promise<Explanation | undefined>;
}

/** Most predictions of a window that are judged; the log samples evenly beyond. */
const windowRowsMax = 20_000;
/** Most training rows that a reference is made from: 20,000 rows summarise in about 5 ms per column. */
const referenceRowsMax = 20_000;
/** Most labelled pairs of a comparison. */
const comparedRowsMax = 500_000;
/** Most windows that one evaluation judges; the next labels go on from there. */
const windowsMax = 500;

export function createMonitoring(deps: MonitoringDeps): Monitoring {
  const { db, ledger, log } = deps;
  const tables = (): Kysely<MonitoringTables> => db.read<MonitoringTables>();
  const evaluating = new Map<string, Promise<MonitorWindow[]>>();

  const get = async (name: string): Promise<Monitor> => {
    const row = await findMonitor(tables(), name);
    if (row === undefined) {
      throw new SlipwayError('not_found', { noun: 'monitor', name, remedy: '`slipway monitor list` shows them.' });
    }
    return monitorOf(row, await findWatermark(tables(), row.endpoint));
  };

  const evaluate = (name: string): Promise<MonitorWindow[]> => {
    // Windows of one monitor are judged one after the other: each compares itself with the one before.
    const before = evaluating.get(name) ?? Promise.resolve([]);
    const run = before.catch(() => []).then(async () => judgeDueWindows(deps, await get(name)));
    evaluating.set(name, run);
    const forget = (): void => {
      if (evaluating.get(name) === run) evaluating.delete(name);
    };
    run.then(forget, forget);
    return run;
  };

  ledger.consume('monitoring', ['labels.joined'], async (event) => {
    const joined = readLabelsJoined(event);
    if (joined === undefined) return;
    await db.write(setWatermark, joined);
    for (const monitor of await listMonitorsOf(tables(), joined.endpoint)) {
      const judged = await evaluate(monitor.name);
      for (const window of judged) log.info('window judged', { monitor: monitor.name, verdict: window.verdict });
    }
  });

  return {
    get,
    evaluate,
    list: async ({ limit, pageToken }) => {
      let query = tables()
        .selectFrom('monitoring_monitor')
        .selectAll()
        .orderBy('name')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('name', '>', pageToken);
      const rows = await query.execute();
      const watermarks = new Map<string, number | undefined>();
      for (const { endpoint } of rows) watermarks.set(endpoint, await findWatermark(tables(), endpoint));
      return pageOf(
        rows,
        limit,
        (row) => row.name,
        (row) => monitorOf(row, watermarks.get(row.endpoint)),
      );
    },
    windows: async (name, { limit, pageToken }) => {
      await get(name);
      let query = tables()
        .selectFrom('monitoring_window')
        .selectAll()
        .where('monitor', '=', name)
        .orderBy('window_from', 'desc')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('window_from', '<', instantToken(pageToken));
      const rows = await db.scan(query);
      return pageOf(rows, limit, (row) => String(row.window_from), windowOf);
    },
    measure: async (name, range) => {
      const monitor = await get(name);
      const judged = await judgeRange(deps, monitor, range);
      if (judged === undefined) {
        throw new SlipwayError('monitor_range_invalid', {
          from: new Date(range.from).toISOString(),
          to: new Date(range.to).toISOString(),
          endpoint: monitor.endpoint,
          problem: range.from < range.to ? 'it served no prediction in that time' : 'the range is empty',
        });
      }
      return judged.window;
    },
    compare: (endpoint, request) => compareVersions(deps, endpoint, request),
    alerts: async ({ limit, pageToken, state, monitor }) => {
      let query = tables()
        .selectFrom('monitoring_alert')
        .selectAll()
        .orderBy('id', 'desc')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('id', '<', pageToken);
      if (state !== undefined) query = query.where('state', '=', state);
      if (monitor !== undefined) query = query.where('monitor', '=', monitor);
      const rows = await db.scan(query);
      return pageOf(rows, limit, (row) => row.id, alertOf);
    },
    alert: async (id) => {
      const row = await findAlert(tables(), id);
      if (row === undefined) throw alertMissing(id);
      return alertOf(row);
    },
    acknowledge: (id, { actor, note }) => db.write(acknowledgeAlert, { id, actor, note }),
    explainAlert: async (id) => {
      const row = await findAlert(tables(), id);
      if (row === undefined) return undefined;
      return {
        title: `${row.severity} of monitor ${row.monitor}: ${row.sentence}`,
        facts: {
          state: row.state,
          endpoint: row.endpoint,
          windowFrom: new Date(row.window_from).toISOString(),
          windowTo: new Date(row.window_to).toISOString(),
          windows: row.windows,
        },
        because: [{ kind: 'version', id: `${row.model}/${row.version}` }],
      };
    },
  };
}

function instantToken(token: string): number {
  const at = Number(token);
  if (!Number.isSafeInteger(at)) throw new SlipwayError('page_token_invalid', { token });
  return at;
}

/** Labels were joined: to which endpoint, and up to when they are complete. An event without a watermark says nothing. */
function readLabelsJoined(event: LedgerEvent): { readonly endpoint: string; readonly watermarkAt: number } | undefined {
  const { endpoint, watermark } = event.body;
  if (typeof endpoint !== 'string' || typeof watermark !== 'number') return undefined;
  return { endpoint, watermarkAt: watermark };
}

async function judgeDueWindows(deps: MonitoringDeps, monitor: Monitor): Promise<MonitorWindow[]> {
  const judged: MonitorWindow[] = [];
  if (monitor.retiredAt !== undefined || monitor.labelWatermarkAt === undefined) return judged;
  const completeTo = monitor.labelWatermarkAt - monitor.spec.labelGrace;
  const calendar = createCalendar(monitor.spec.window, monitor.spec.zone);
  const last = await findLastWindow(deps.db.read<MonitoringTables>(), monitor.name);
  let from = last?.window_to ?? 0;
  // Labels come in every few seconds, windows close once a week: most calls end here, without a look at the log.
  while (judged.length < windowsMax && calendar.windowAt(from).to <= completeTo) {
    const next = await deps.findNextPrediction(monitor.endpoint, from);
    if (next === undefined) return judged;
    const window = calendar.windowAt(next);
    if (window.to > completeTo) return judged;
    const result = await judgeRange(deps, monitor, window);
    if (result !== undefined) {
      const input = { ...result, alertId: deps.ids.next('alert') };
      if ((await deps.db.write(recordWindow, input)).recorded) judged.push(result.window);
    }
    from = window.to;
  }
  return judged;
}

async function judgeRange(
  deps: MonitoringDeps,
  monitor: Monitor,
  range: { readonly from: number; readonly to: number },
): Promise<{ readonly window: MonitorWindow; readonly memory: DriftMemory } | undefined> {
  const model = await deps.findModel(monitor.endpoint);
  if (model === undefined || range.from >= range.to) return undefined;
  const rows = await deps.readPredictions(monitor.endpoint, { ...range, rowsMax: windowRowsMax, features: true });
  const version = mostFrequent(rows.version);
  if (version === undefined) return undefined;
  const calendar = createCalendar('day', monitor.spec.zone);
  const reference = await getReference(deps, monitor, { model, version });
  const before = await findWindowBefore(deps, monitor.name, range.from);
  const memory =
    before !== undefined && before.model === model && before.version === version
      ? (JSON.parse(before.memory) as DriftMemory) // as recordWindow wrote it
      : {};
  return judgeWindow(
    {
      id: deps.ids.next('monitorWindow'),
      monitor: monitor.name,
      endpoint: monitor.endpoint,
      model,
      version,
      from: range.from,
      to: range.to,
      judgedAt: deps.clock.now(),
      spec: monitor.spec,
      reference,
      memory,
    },
    rowsOfVersion(rows, version, calendar),
  );
}

async function findWindowBefore(deps: MonitoringDeps, monitor: string, from: number): Promise<WindowRow | undefined> {
  return deps.db
    .read<MonitoringTables>()
    .selectFrom('monitoring_window')
    .selectAll()
    .where('monitor', '=', monitor)
    .where('window_to', '<=', from)
    .orderBy('window_from', 'desc')
    .limit(1)
    .executeTakeFirst();
}

function mostFrequent(versions: Int32Array): number | undefined {
  const counts = new Map<number, number>();
  for (const version of versions) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || b - a)[0]?.[0];
}

/** The rows that this version answered, with its own scores. */
function rowsOfVersion(rows: PredictionRows, version: number, calendar: Calendar): WindowRows {
  const picked: number[] = [];
  rows.version.forEach((v, i) => {
    if (v === version) picked.push(i);
  });
  const take = (values: Float64Array): Float64Array => Float64Array.from(picked, (i) => values[i] ?? NaN);
  return {
    total: rows.total,
    score: take(rows.score),
    label: take(rows.label),
    day: Float64Array.from(picked, (i) => calendar.dayOf(rows.at[i] ?? 0)),
    features: rows.features.map(({ name, values }) => ({ name, values: take(values) })),
  };
}

/** The training summary of a version under this monitor's windows; made once, kept. */
async function getReference(
  deps: MonitoringDeps,
  monitor: Monitor,
  key: { readonly model: string; readonly version: number },
): Promise<readonly ReferenceColumn[]> {
  const at = { monitor: monitor.name, ...key };
  const stored = await findReference(deps.db.read<MonitoringTables>(), at);
  if (stored !== undefined) return JSON.parse(stored) as readonly ReferenceColumn[]; // as saveReference wrote it
  const rows = await deps.readReference(key.model, key.version);
  if (rows === undefined) return [];
  const columns = await describeColumns(rows, createCalendar(monitor.spec.window, monitor.spec.zone));
  await deps.db.write(saveReference, { ...at, body: JSON.stringify(columns) });
  return columns;
}

async function describeColumns(rows: ReferenceRows, calendar: Calendar): Promise<ReferenceColumn[]> {
  const stride = Math.max(1, Math.ceil(rows.at.length / referenceRowsMax));
  const sample = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: Math.ceil(values.length / stride) }, (_, i) => values[i * stride] ?? NaN);
  const periods = sample(rows.at).map((at) => calendar.windowAt(at).from);
  const described: ReferenceColumn[] = [];
  const all = rows.score === undefined ? rows.features : [...rows.features, { name: scoreColumn, values: rows.score }];
  for (const { name, values } of all) {
    described.push(describeReference(sample(values), { name, periods }));
    // One column takes some milliseconds: requests are answered in between.
    await nextTurn();
  }
  return described;
}

async function compareVersions(
  deps: MonitoringDeps,
  endpoint: string,
  request: CompareRequest,
): Promise<VersionComparison> {
  const { champion, challenger, from, to } = request;
  const rows = await deps.readPredictions(endpoint, { from, to, rowsMax: comparedRowsMax, features: false });
  const calendar = createCalendar('day', request.zone);
  const pairs = { champion: [] as number[], challenger: [] as number[], labels: [] as number[], days: [] as number[] };
  rows.label.forEach((label, i) => {
    if (Number.isNaN(label)) return;
    const scores = new Map([
      [rows.shadowVersion[i], rows.shadowScore[i]],
      [rows.version[i], rows.score[i]],
    ]);
    const [a, b] = [scores.get(champion), scores.get(challenger)];
    if (a === undefined || b === undefined) return;
    pairs.champion.push(a);
    pairs.challenger.push(b);
    pairs.labels.push(label);
    pairs.days.push(calendar.dayOf(rows.at[i] ?? 0));
  });
  if (pairs.labels.length === 0) {
    const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    throw new SlipwayError('comparison_empty', { endpoint, champion, challenger, ...range });
  }
  const compared = comparePaired({ ...pairs, clusters: clustersOf(pairs.days) });
  const decision = decidePaired(compared);
  const paired = (judged: Judged): VersionComparison['dAuc'] => ({
    ...numberOf(judged),
    z: finite(judged.z),
    p: finite(judged.p),
  });
  return {
    endpoint,
    champion,
    challenger,
    from,
    to,
    count: compared.count,
    positives: compared.positives,
    scores: { champion: compared.champion, challenger: compared.challenger },
    dAuc: paired(compared.dAuc),
    dAucByDay: paired(compared.dAucClustered ?? compared.dAuc),
    dLogLoss: paired(compared.dLogLoss),
    dLogLossByDay: paired(compared.dLogLossClustered ?? compared.dLogLoss),
    dLogLossUpperBound: compared.dLogLoss.upperBound,
    minimumDetectableLogLoss: compared.minimumDetectableLogLoss,
    verdict: decision.verdict,
    sentence: decision.sentence,
    warnings: [...decision.warnings],
  };
}
