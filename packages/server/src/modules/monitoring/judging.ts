/** Windows of an endpoint's log read, judged against the version that served most of them, and recorded when they are due. */
import type { Monitor, MonitorWindow } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { Calendar, TimeWindow } from '../../lib/calendar.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import { judgeWindow } from './judge-window.ts';
import type { JudgedWindow } from './judge-window.ts';
import type { MeasuredWindow, Reference, WindowRows } from './measure-window.ts';
import { measureWindow } from './measure-window.ts';
import type { Answers, MonitoringPorts, PredictionRows } from './ports.ts';
import { getReference } from './references.ts';
import type { DriftMemory } from './read.ts';
import { findLastWindow, findWindowBefore, stored } from './read.ts';
import { recordWindow } from './store.ts';
import type { MonitoringTables, WindowRow } from './tables.ts';

export interface JudgingDeps extends MonitoringPorts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Most predictions of a window that are judged; the log samples evenly beyond. */
const windowRowsMax = 20_000;
/** Most windows that one evaluation judges; the next labels go on from there. */
const windowsMax = 500;

/** Windows of event time that hold predictions and whose outcomes are complete, the earliest first. */
export async function* completeWindows(
  deps: Pick<MonitoringPorts, 'findNextPrediction'>,
  monitor: Pick<Monitor, 'endpoint' | 'spec' | 'labelWatermarkAt'>,
  first: number,
): AsyncGenerator<TimeWindow> {
  if (monitor.labelWatermarkAt === undefined) return;
  const completeTo = monitor.labelWatermarkAt - monitor.spec.labelGrace;
  const calendar = createCalendar(monitor.spec.window, monitor.spec.zone);
  let from = first;
  // Labels come in every few seconds, windows close once a week: most calls end here, without a look at the log.
  while (calendar.windowAt(from).to <= completeTo) {
    const next = await deps.findNextPrediction(monitor.endpoint, from, calendar.windowAt(from).to);
    if (next === undefined) return;
    const window = calendar.windowAt(next);
    if (window.to > completeTo) return;
    yield window;
    from = window.to;
  }
}

export async function judgeDueWindows(deps: JudgingDeps, monitor: Monitor): Promise<MonitorWindow[]> {
  const judged: MonitorWindow[] = [];
  if (monitor.retiredAt !== undefined) return judged;
  const last = await findLastWindow(deps.db.read<MonitoringTables>(), monitor.name);
  for await (const window of completeWindows(deps, monitor, last?.window_to ?? 0)) {
    const result = await judgeRange(deps, monitor, window);
    if (result === undefined) continue;
    const input = { ...result, alertId: deps.ids.next('alert') };
    if ((await deps.db.write(recordWindow, input)).recorded) judged.push(result.window);
    if (judged.length >= windowsMax) return judged;
  }
  return judged;
}

/** Undefined when the range holds no prediction. */
export async function judgeRange(
  deps: JudgingDeps,
  monitor: Monitor,
  range: TimeWindow,
): Promise<JudgedWindow | undefined> {
  const found = await measureRange(deps, monitor, range, {
    reference: (key) => getReference(deps, monitor, key),
    days: createCalendar('day', monitor.spec.zone),
  });
  if (found === undefined) return undefined;
  const before = await findWindowBefore(deps.db.read<MonitoringTables>(), monitor.name, range.from);
  return judgeFound(deps, monitor, found, before && memoryOf(before));
}

export interface Remembered {
  readonly model: string;
  readonly version: number;
  readonly memory: DriftMemory;
}

export const memoryOf = ({ model, version, memory }: WindowRow): Remembered => ({
  model,
  version,
  memory: stored<DriftMemory>(memory),
});

export interface MeasuringContext {
  readonly reference: (key: { readonly model: string; readonly version: number }) => Promise<Reference>;
  /** Days of the monitor's zone. */
  readonly days: Calendar;
}

/** A window's predictions by the version that served most of them, measured. */
export interface FoundWindow {
  readonly range: TimeWindow;
  /** Local date on which it begins, as 2013-04-22. */
  readonly date: string;
  readonly model: string;
  readonly version: number;
  /** What its answers are besides a score: decides which loss is expected of them. */
  readonly kind: Answers['kind'];
  readonly measured: MeasuredWindow;
}

const dayMs = 86_400_000;

/** Undefined when the range holds no prediction. */
export async function measureRange(
  deps: Pick<MonitoringPorts, 'findModel' | 'readPredictions' | 'answer'>,
  { endpoint }: Pick<Monitor, 'endpoint'>,
  range: TimeWindow,
  { reference, days }: MeasuringContext,
): Promise<FoundWindow | undefined> {
  const model = await deps.findModel(endpoint);
  if (model === undefined || range.from >= range.to) return undefined;
  const read = await deps.readPredictions(endpoint, { ...range, rowsMax: windowRowsMax, features: true });
  const version = mostFrequent(read.version);
  if (version === undefined) return undefined;
  const rows = rowsOfVersion(read, version, days);
  const answers = await deps.answer(model, version, { count: rows.score.length, ...rows });
  return {
    range,
    date: new Date(days.dayOf(range.from) * dayMs).toISOString().slice(0, 10),
    model,
    version,
    kind: answers.kind,
    measured: await measureWindow(rows, { answers, reference: await reference({ model, version }) }),
  };
}

/** `before`: the window before, whose movement this one is measured from. */
export async function judgeFound(
  deps: JudgingDeps,
  monitor: Monitor,
  { range, date, model, version, kind, measured }: FoundWindow,
  before: Remembered | undefined,
): Promise<JudgedWindow> {
  const metric = kind === 'number' ? 'rmse' : 'logLoss';
  const referenceLoss =
    kind === 'score' ? undefined : (monitor.spec.loss.reference ?? (await deps.findGateFigure(model, version, metric)));
  const { name, endpoint, spec } = monitor;
  const identity = { id: deps.ids.next('monitorWindow'), monitor: name, endpoint, model, version };
  const memory = before?.model === model && before.version === version ? before.memory : {};
  const times = { from: range.from, to: range.to, judgedAt: deps.clock.now() };
  return judgeWindow({ ...identity, ...times, spec, date, referenceLoss, memory }, measured);
}

function mostFrequent(versions: Int32Array): number | undefined {
  const counts = new Map<number, number>();
  for (const version of versions) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || b - a)[0]?.[0];
}

/** The rows that this version answered, with its own scores. */
function rowsOfVersion(rows: PredictionRows, version: number, days: Calendar): WindowRows {
  // The usual case: nothing to leave out.
  if (rows.version.every((v) => v === version)) return { ...rows, day: rows.at.map((at) => days.dayOf(at)) };
  const picked: number[] = [];
  rows.version.forEach((v, i) => {
    if (v === version) picked.push(i);
  });
  const take = (values: Float64Array): Float64Array => {
    const taken = new Float64Array(picked.length);
    picked.forEach((from, i) => (taken[i] = values[from] ?? NaN));
    return taken;
  };
  return {
    total: rows.total,
    score: take(rows.score),
    label: take(rows.label),
    day: take(rows.at).map((at) => days.dayOf(at)),
    features: rows.features.map(({ name, values }) => ({ name, values: take(values) })),
    texts: rows.texts.map(({ name, values }) => ({ name, values: picked.map((i) => values[i] ?? null) })),
  };
}
