/** Windows of an endpoint's log read, judged against the version that served most of them, and recorded when they are due. */
import type { Monitor, MonitorWindow } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { Calendar, TimeWindow } from '../../lib/calendar.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import { judgeWindow } from './judge-window.ts';
import type { JudgedWindow, WindowRows } from './judge-window.ts';
import type { MonitoringPorts, PredictionRows } from './ports.ts';
import type { Reference } from './references.ts';
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
    const next = await deps.findNextPrediction(monitor.endpoint, from);
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
  const read = await readWindow(deps, monitor, range);
  if (read === undefined) return undefined;
  const before = await findWindowBefore(deps.db.read<MonitoringTables>(), monitor.name, range.from);
  return judgeRead(deps, monitor, read, {
    reference: (key) => getReference(deps, monitor, key),
    before: before && memoryOf(before),
  });
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

export interface JudgingContext {
  readonly reference: (key: { readonly model: string; readonly version: number }) => Promise<Reference>;
  /** The window before, whose movement the next is measured from. */
  readonly before: Remembered | undefined;
}

/** A window's predictions by the version that served most of them. */
export interface ReadWindow {
  readonly range: TimeWindow;
  readonly model: string;
  readonly version: number;
  readonly rows: WindowRows;
}

/** Undefined when the range holds no prediction. */
export async function readWindow(
  deps: Pick<MonitoringPorts, 'findModel' | 'readPredictions'>,
  monitor: Monitor,
  range: TimeWindow,
): Promise<ReadWindow | undefined> {
  const model = await deps.findModel(monitor.endpoint);
  if (model === undefined || range.from >= range.to) return undefined;
  const rows = await deps.readPredictions(monitor.endpoint, { ...range, rowsMax: windowRowsMax, features: true });
  const version = mostFrequent(rows.version);
  if (version === undefined) return undefined;
  return { range, model, version, rows: rowsOfVersion(rows, version, createCalendar('day', monitor.spec.zone)) };
}

export async function judgeRead(
  deps: JudgingDeps,
  monitor: Monitor,
  { range, model, version, rows }: ReadWindow,
  { reference, before }: JudgingContext,
): Promise<JudgedWindow> {
  const answers = await deps.answer(model, version, { count: rows.score.length, ...rows });
  const metric = answers.kind === 'number' ? 'rmse' : 'logLoss';
  const referenceLoss =
    answers.kind === 'score'
      ? undefined
      : (monitor.spec.loss.reference ?? (await deps.findGateFigure(model, version, metric)));
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
      answers,
      referenceLoss,
      reference: await reference({ model, version }),
      memory: before !== undefined && before.model === model && before.version === version ? before.memory : {},
    },
    rows,
  );
}

function mostFrequent(versions: Int32Array): number | undefined {
  const counts = new Map<number, number>();
  for (const version of versions) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || b - a)[0]?.[0];
}

/** The rows that this version answered, with its own scores. */
function rowsOfVersion(rows: PredictionRows, version: number, calendar: Calendar): WindowRows {
  // The usual case: nothing to leave out.
  if (rows.version.every((v) => v === version)) return { ...rows, day: rows.at.map((at) => calendar.dayOf(at)) };
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
    texts: rows.texts.map(({ name, values }) => ({ name, values: picked.map((i) => values[i] ?? null) })),
  };
}
