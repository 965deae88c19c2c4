/**
 * What would have happened: the windows of the log judged again under other settings, and the alerts that would have come
 * of them, beside what the monitor really said. By the same code as in life; nothing is kept.
 *
 * Bounded by the number of windows and by time; where it stopped it says from where to go on.
 */
import type { Alert, Backtest, BacktestAlert, BacktestWindow, Monitor, MonitorSettings } from '@slipway/contract';
import { backtestTimeMs, backtestWindowsMax, SlipwayError } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { TimeWindow } from '../../lib/calendar.ts';
import { nextStep } from './alert-rule.ts';
import type { OpenAlert } from './alert-rule.ts';
import type { JudgedWindow } from './judge-window.ts';
import type { FoundWindow, JudgingDeps, MeasuringContext, Remembered } from './judging.ts';
import { completeWindows, judgeFound, measureRange, memoryOf } from './judging.ts';
import { isKnown } from './measure-window.ts';
import type { MeasuredWindows } from './measured-windows.ts';
import { getReference, noReference, readReference } from './references.ts';
import { findWindowBefore, listAlertsBetween, listWindowVerdicts } from './read.ts';
import { checkMonitorSpec } from './store.ts';
import type { MonitoringTables } from './tables.ts';

/** The declaration with these settings in it; half of a rule may be given. Throws `backtest_invalid`. */
function withSettings(monitor: Monitor, settings: MonitorSettings): Monitor {
  const { window, zone, labelGrace, labelledMin, alertGap, alertZ, warningGap, warningZ, driftWarns } = settings;
  const { alert, warning, drift, ...rest } = monitor.spec;
  const spec = {
    ...rest,
    window: window ?? rest.window,
    zone: zone ?? rest.zone,
    labelGrace: labelGrace ?? rest.labelGrace,
    labelledMin: labelledMin ?? rest.labelledMin,
    alert: { gap: alertGap ?? alert.gap, z: alertZ ?? alert.z },
    warning: { gap: warningGap ?? warning.gap, z: warningZ ?? warning.z },
    drift: { ...drift, warns: driftWarns === undefined ? drift.warns : driftWarns === 'yes' },
  };
  const problem = checkMonitorSpec(spec);
  if (problem !== undefined) throw new SlipwayError('backtest_invalid', { monitor: monitor.name, problem });
  return { ...monitor, spec };
}

export interface BacktestDeps extends JudgingDeps {
  readonly measuredWindows: MeasuredWindows;
}

export async function backtest(
  deps: BacktestDeps,
  monitor: Monitor,
  { signal, ...settings }: MonitorSettings & { readonly signal?: AbortSignal | undefined },
): Promise<Backtest> {
  const tried = withSettings(monitor, settings);
  const tables = deps.db.read<MonitoringTables>();
  const known = await listWindowVerdicts(deps.db, monitor.name, backtestWindowsMax);
  const from = settings.from ?? known.at(-1)?.window_from ?? 0;
  const to = settings.to ?? Infinity;
  if (from >= to) throw new SlipwayError('backtest_invalid', { monitor: monitor.name, problem: 'the range is empty' });
  // Where windows begin as they did in life, the first one is measured from the same window before it.
  const isSameCalendar = tried.spec.window === monitor.spec.window && tried.spec.zone === monitor.spec.zone;
  const first = isSameCalendar ? await findWindowBefore(tables, monitor.name, from) : undefined;
  let before: Remembered | undefined = first && memoryOf(first);
  const context = {
    reference: references(deps, isSameCalendar ? monitor : tried, isSameCalendar),
    days: createCalendar('day', tried.spec.zone),
  };
  const startedAt = deps.clock.monotonic();
  const judged: JudgedWindow[] = [];
  let nextFrom: number | undefined;
  const windows = measureAhead(windowsUpTo(to, completeWindows(deps, tried, from)), (window) =>
    find(deps, tried, window, context),
  );
  for await (const { window, measuring } of windows) {
    const isLate = deps.clock.monotonic() - startedAt > backtestTimeMs;
    if (judged.length >= backtestWindowsMax || isLate) {
      nextFrom = window.from;
      break;
    }
    signal?.throwIfAborted();
    const measured = await measuring;
    if (measured === undefined) continue;
    const result = await judgeFound(deps, tried, measured, before);
    judged.push(result);
    before = { model: result.window.model, version: result.window.version, memory: result.memory };
  }
  const found = judged.map(({ window }) => window);
  const verdicts = new Map(known.map((w) => [`${w.window_from} ${w.window_to}`, w.verdict]));
  const end = found.at(-1)?.to ?? from;
  return {
    monitor: monitor.name,
    settings: tried.spec,
    windows: found.map((w) => summaryOf(w, verdicts.get(`${w.from} ${w.to}`))),
    alerts: alertsOf(judged),
    really: await listAlertsBetween(deps.db, monitor.name, { from, to: end }),
    ...(nextFrom === undefined ? {} : { nextFrom }),
  };
}

async function* windowsUpTo(to: number, windows: AsyncIterable<TimeWindow>): AsyncGenerator<TimeWindow> {
  for await (const window of windows) {
    if (window.to > to) return;
    yield window;
  }
}

/** As it was measured before, where neither the log nor its labels have moved since. */
async function find(
  deps: BacktestDeps,
  monitor: Monitor,
  window: TimeWindow,
  context: MeasuringContext,
): Promise<FoundWindow | undefined> {
  const { endpoint, spec } = monitor;
  const model = await deps.findModel(endpoint);
  const key = JSON.stringify([monitor.name, endpoint, model, spec.window, spec.zone, window.from, window.to]);
  // Asked before the rows are read: what moves in between is measured again next time.
  const mark = await deps.markPredictions(endpoint, window);
  const kept = deps.measuredWindows.find(key, mark);
  // Training rows that were missing may have come.
  if (kept !== undefined && (kept.measured.isReferenceKnown || !isKnown(await context.reference(kept)))) return kept;
  const found = await measureRange(deps, monitor, window, context);
  if (found !== undefined) deps.measuredWindows.keep(key, mark, found);
  return found;
}

/** Windows that are measured while an earlier one is judged. */
const windowsAhead = 4;

interface Measuring {
  readonly window: TimeWindow;
  readonly measuring: Promise<FoundWindow | undefined>;
}

/** Windows in their order, the next ones being measured already. */
async function* measureAhead(
  windows: AsyncIterable<TimeWindow>,
  measure: (window: TimeWindow) => Promise<FoundWindow | undefined>,
): AsyncGenerator<Measuring> {
  const waiting: Measuring[] = [];
  for await (const window of windows) {
    const measuring = measure(window);
    // Whoever takes the window hears of it; nobody may come to take it.
    measuring.catch(() => undefined);
    waiting.push({ window, measuring });
    const first = waiting.length > windowsAhead ? waiting.shift() : undefined;
    if (first !== undefined) yield first;
  }
  yield* waiting;
}

/** Summaries of training do not depend on the rules, only on the windows that their ordinary weeks are cut in. */
function references(deps: JudgingDeps, monitor: Monitor, isKept: boolean): MeasuringContext['reference'] {
  const made = new Map<number, ReturnType<MeasuringContext['reference']>>();
  return (key) => {
    const found =
      made.get(key.version) ??
      (isKept ? getReference(deps, monitor, key) : readReference(deps, monitor, key).then((r) => r ?? noReference));
    made.set(key.version, found);
    return found;
  };
}

function summaryOf(window: JudgedWindow['window'], really: BacktestWindow['really']): BacktestWindow {
  const { from, to, version, verdict, sentence, count, labelled, coverage, calibration, numbers, drift } = window;
  return {
    from,
    to,
    version,
    verdict,
    sentence,
    count,
    labelled,
    coverage,
    ...(calibration === undefined ? {} : { calibration }),
    ...(numbers === undefined ? {} : { numbers }),
    drifted: drift.filter((d) => d.status === 'drift').map((d) => d.name),
    ...(really === undefined ? {} : { really }),
  };
}

type Open = OpenAlert & {
  severity: Alert['severity'];
  alert: { -readonly [K in keyof BacktestAlert]: BacktestAlert[K] };
};

/** By the same steps as in life, with nobody silencing anything. */
function alertsOf(judged: readonly JudgedWindow[]): BacktestAlert[] {
  const all: Open['alert'][] = [];
  let open: Open[] = [];
  for (const { window } of judged) {
    const step = nextStep(open, window, () => false);
    switch (step.step) {
      case 'none':
        break;
      case 'resolve':
        for (const { alert } of open) alert.resolvedAt = window.to;
        open = [];
        break;
      case 'open': {
        const { version, model, sentence } = window;
        const { severity } = step;
        const alert = { version, severity, openedAt: window.to, windows: 1, sentence };
        all.push(alert);
        open.push({ model, version, severity, isSilenced: false, alert });
        break;
      }
      case 'raise':
        step.open.severity = 'alert';
        step.open.alert.severity = 'alert';
        step.open.alert.raisedAt = window.to;
        step.open.alert.sentence = window.sentence;
        step.open.alert.windows++;
        break;
      case 'repeat':
      case 'continue':
        step.open.alert.windows++;
        break;
    }
  }
  return all;
}
