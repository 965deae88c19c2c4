/** What was judged over a longer time: quality with its intervals, drift by column, and the distributions of one window. */
import type { DriftHeat, HeatCell, Monitor, MonitorWindow, WindowDrift } from '@slipway/contract';
import type { PendingWindow, WindowSummary } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { Db } from '../../platform/db/db.ts';
import type { WindowFigures } from './judge-window.ts';
import type { MonitoringPorts } from './ports.ts';
import { findLastWindow, findWindow, listNewestWindows, stored, windowOf } from './read.ts';
import type { MonitoringTables } from './tables.ts';

/** Most windows that wait for outcomes and are named. */
const pendingMax = 8;

export function summaryOf(window: MonitorWindow): WindowSummary {
  const { scoreDrift: _, drift, sentence: __, ...rest } = window;
  return { ...rest, drifted: drift.filter((d) => d.status === 'drift').length };
}

/** Windows that hold predictions and wait for their outcomes, the earliest first. */
export async function pendingWindows(
  deps: Pick<MonitoringPorts, 'findNextPrediction'> & { readonly db: Db },
  monitor: Monitor,
): Promise<PendingWindow[]> {
  if (monitor.retiredAt !== undefined) return [];
  const calendar = createCalendar(monitor.spec.window, monitor.spec.zone);
  const last = await findLastWindow(deps.db.read<MonitoringTables>(), monitor.name);
  const found: PendingWindow[] = [];
  let from = last?.window_to ?? 0;
  while (found.length < pendingMax) {
    const next = await deps.findNextPrediction(monitor.endpoint, from);
    if (next === undefined) break;
    const window = calendar.windowAt(next);
    found.push({ ...window, judgedFrom: window.to + monitor.spec.labelGrace });
    from = window.to;
  }
  return found;
}

export async function heatOf(
  db: Db,
  monitor: string,
  limits: { readonly windows: number; readonly columns: number },
): Promise<DriftHeat> {
  const windows = (await listNewestWindows(db, monitor, limits.windows)).map(windowOf).toReversed();
  const worst = new Map<string, number>();
  const kinds = new Map<string, 'number' | 'text'>();
  for (const { drift } of windows) {
    for (const { name, ratio, kind = 'number' } of drift) {
      worst.set(name, Math.max(worst.get(name) ?? 0, ratio));
      kinds.set(name, kind);
    }
  }
  const names = [...worst].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([name]) => name);
  const cellOf = (window: MonitorWindow, name: string): HeatCell | null => {
    const row = window.drift.find((d) => d.name === name);
    if (row === undefined || row.status === 'too-few-rows' || row.status === 'no-reference') return null;
    return { status: row.status, psi: row.psi, threshold: row.threshold, ratio: row.ratio };
  };
  return {
    windows: windows.map(({ id, from, to, version, verdict }) => ({ id, from, to, version, verdict })),
    columns: names
      .slice(0, limits.columns)
      .map((name) => ({ name, kind: kinds.get(name) ?? 'number', cells: windows.map((w) => cellOf(w, name)) })),
    columnCount: names.length,
  };
}

/** Throws `window_figures_missing` for windows of before they were kept, and of versions without training data. */
export async function windowDrift(db: Db, monitor: string, id: string): Promise<WindowDrift> {
  const row = await findWindow(db.read<MonitoringTables>(), monitor, id);
  if (row === undefined) {
    const remedy = `\`slipway monitor windows ${monitor} --json\` lists them with their ids.`;
    throw new SlipwayError('not_found', { noun: 'window', name: id, remedy });
  }
  const missing = (problem: string): SlipwayError =>
    new SlipwayError('window_figures_missing', { monitor, window: row.id, problem });
  if (row.figures === null) throw missing('before distributions were kept');
  const { referenceRows, columns } = stored<WindowFigures>(row.figures);
  if (columns.length === 0) throw missing('without the training data of its version');
  const { id: window, from, to, model, version, used, scoreDrift, drift } = windowOf(row);
  return {
    window: { id: window, from, to, model, version, used },
    referenceRows,
    ...(scoreDrift === undefined ? {} : { scoreDrift }),
    drift,
    figures: [...columns],
  };
}
