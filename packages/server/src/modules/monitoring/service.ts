/**
 * Monitors at work: they follow the labels. When labels of an endpoint are complete beyond the end of a window (plus the
 * monitor's grace), the window is read from the prediction log, judged against the serving version's training data, and
 * recorded; the record raises or resolves the alert in the same transaction.
 */
import type {
  Alert,
  Backtest,
  DriftHeat,
  Monitor,
  MonitorSettings,
  MonitorWindow,
  PendingWindow,
  Silence,
  VersionComparison,
  VersionSegments,
  WindowDrift,
  WindowSummary,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Ledger, LedgerEvent } from '../../platform/ledger/ledger.ts';
import type { Log } from '../../platform/log.ts';
import type { Explanation } from '../governance/index.ts';
import { backtest } from './backtest.ts';
import type { SegmentsRequest } from './compare-segments.ts';
import { compareSegments } from './compare-segments.ts';
import { compareVersions } from './compare-versions.ts';
import { heatOf, pendingWindows, summaryOf, windowDrift } from './history.ts';
import { judgeDueWindows, judgeRange } from './judging.ts';
import { createMeasuredWindows } from './measured-windows.ts';
import type { MonitoringPorts } from './ports.ts';
import {
  alertMissing,
  alertOf,
  findAlert,
  findMonitor,
  findWatermark,
  listMonitorsOf,
  listNewestWindows,
  monitorMissing,
  monitorOf,
  windowOf,
} from './read.ts';
import type { CompareRequest } from './scored-pairs.ts';
import { createSilence, endSilence, findActiveSilence, silenceOf } from './silence-store.ts';
import { acknowledgeAlert, setWatermark } from './store.ts';
import type { MonitoringTables, MonitorRow } from './tables.ts';

export interface MonitoringDeps extends MonitoringPorts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly ledger: Ledger;
}

export interface Monitoring {
  list(page: PageRequest): Promise<Page<Monitor>>;
  get(name: string): Promise<Monitor>;
  windows(name: string, page: PageRequest): Promise<Page<MonitorWindow>>;
  /** Without their columns. */
  summaries(name: string, page: PageRequest): Promise<Page<WindowSummary>>;
  history(name: string, page: PageRequest): Promise<Page<WindowSummary> & { readonly pending: PendingWindow[] }>;
  heat(name: string, limits: { readonly windows: number; readonly columns: number }): Promise<DriftHeat>;
  /** `window`: an id, or `latest`. Throws `window_figures_missing`. */
  drift(name: string, window: string): Promise<WindowDrift>;
  /** What would have happened with other settings. Throws `backtest_invalid`. */
  backtest(name: string, settings: MonitorSettings, signal?: AbortSignal): Promise<Backtest>;
  /** Throws `silence_invalid`. */
  silence(
    name: string,
    silence: {
      readonly until: number;
      readonly reason: string;
      readonly alert: string | undefined;
      readonly actor: string;
    },
  ): Promise<Silence>;
  silences(name: string, page: PageRequest): Promise<Page<Silence>>;
  endSilence(id: string, actor: string): Promise<Silence>;
  /** Judges and records every window whose labels are complete. */
  evaluate(name: string): Promise<MonitorWindow[]>;
  /** Measures one range as if it were a window, and records nothing. */
  measure(name: string, range: { readonly from: number; readonly to: number }): Promise<MonitorWindow>;
  compare(endpoint: string, request: CompareRequest): Promise<VersionComparison>;
  compareSegments(endpoint: string, request: SegmentsRequest): Promise<VersionSegments>;
  alerts(
    page: PageRequest & { readonly state?: Alert['state'] | undefined; readonly monitor?: string | undefined },
  ): Promise<Page<Alert>>;
  alert(id: string): Promise<Alert>;
  acknowledge(id: string, input: { readonly actor: string; readonly note: string | undefined }): Promise<Alert>;
  /** For `slipway why alert <id>`. */
  explainAlert(id: string): Promise<Explanation | undefined>;
}

/** Most labelled pairs of a comparison. */

export function createMonitoring(deps: MonitoringDeps): Monitoring {
  const { db, ledger, log } = deps;
  const tables = (): Kysely<MonitoringTables> => db.read<MonitoringTables>();
  const evaluating = new Map<string, Promise<MonitorWindow[]>>();
  const measuredWindows = createMeasuredWindows();
  let trying = Promise.resolve();

  const get = async (name: string): Promise<Monitor> => {
    const row = await findMonitor(tables(), name);
    if (row === undefined) throw monitorMissing(name);
    return describe(row);
  };
  const describe = async (row: MonitorRow): Promise<Monitor> => {
    const silence = await findActiveSilence(tables(), { monitor: row.name, now: deps.clock.now() });
    const monitor = monitorOf(row, await findWatermark(tables(), row.endpoint));
    return silence === undefined ? monitor : { ...monitor, silence: silenceOf(silence) };
  };

  const newestWindows = async <T>(
    name: string,
    { limit, pageToken }: PageRequest,
    shape: (window: MonitorWindow) => T,
  ): Promise<Page<T>> => {
    const before = pageToken === undefined ? undefined : instantToken(pageToken);
    const rows = await listNewestWindows(db, name, limit + 1, before);
    return pageOf(
      rows,
      limit,
      (row) => String(row.window_from),
      (row) => shape(windowOf(row)),
    );
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
      const monitors = new Map<string, Monitor>();
      for (const row of rows) monitors.set(row.name, await describe(row));
      return pageOf(
        rows,
        limit,
        (row) => row.name,
        (row) => monitors.get(row.name) ?? monitorOf(row),
      );
    },
    windows: async (name, page) => {
      await get(name);
      return newestWindows(name, page, (window) => window);
    },
    summaries: async (name, page) => {
      await get(name);
      return newestWindows(name, page, summaryOf);
    },
    history: async (name, page) => {
      const monitor = await get(name);
      const found = await newestWindows(name, page, summaryOf);
      return { ...found, pending: page.pageToken === undefined ? await pendingWindows(deps, monitor) : [] };
    },
    heat: async (name, limits) => {
      await get(name);
      return heatOf(db, name, limits);
    },
    drift: async (name, window) => {
      await get(name);
      return windowDrift(db, name, window);
    },
    backtest: async (name, settings, signal) => {
      // One at a time: each reads as much of the log as judging all its windows does.
      const before = trying;
      const { promise, resolve } = Promise.withResolvers<void>();
      trying = promise;
      try {
        await before;
        signal?.throwIfAborted();
        return await backtest({ ...deps, measuredWindows }, await get(name), { ...settings, signal });
      } finally {
        resolve();
      }
    },
    silence: (name, { until, reason, alert, actor }) =>
      db.write(createSilence, { id: deps.ids.next('silence'), monitor: name, until, reason, alert, actor }),
    silences: async (name, { limit, pageToken }) => {
      await get(name);
      let query = tables()
        .selectFrom('monitoring_silence')
        .selectAll()
        .where('monitor', '=', name)
        .orderBy('id', 'desc')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('id', '<', pageToken);
      return pageOf(await db.scan(query), limit, (row) => row.id, silenceOf);
    },
    endSilence: (id, actor) => db.write(endSilence, { id, actor }),
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
    compareSegments: (endpoint, request) => compareSegments(deps, endpoint, request),
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
