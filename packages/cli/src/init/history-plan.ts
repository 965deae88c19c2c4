/** Which features of an entity's earlier rows a table could have, and which of them are kept. Pure. */

export interface PastColumn {
  /** Its name in features.yaml. */
  readonly key: string;
  readonly column: string;
  readonly type: 'float' | 'bool';
}

export interface Outcome extends Pick<PastColumn, 'key' | 'column'> {
  /** How long after its row's time it is known. */
  readonly afterMs: number;
  /** Two classes: which of them is meant. */
  readonly is?: { readonly literal: string } | { readonly isTrue: boolean };
}

/** Which sentence of the file a feature stands under. */
export const views = ['activity', 'values', 'outcomes'] as const;
export type View = (typeof views)[number];

export interface PastFeature {
  readonly view: View;
  readonly name: string;
  readonly expression: string;
  /** The column of the source that it reads, by its key; undefined for what only counts rows. */
  readonly reads: string | undefined;
}

export interface HistoryPlan {
  readonly set: string;
  readonly service: string;
  /** The dataset. */
  readonly table: string;
  readonly entity: { readonly key: string; readonly column: string; readonly type: 'string' | 'int' };
  /** `isDay`: rows are dated by days, and the rows of a day are known when it is over. */
  readonly time: { readonly column: string; readonly isDay: boolean };
  /** The shorter first. */
  readonly windows: readonly string[];
  readonly columns: readonly PastColumn[];
  readonly outcome?: Outcome;
  readonly features: readonly PastFeature[];
  /** When the newest row of the table counts. */
  readonly untilMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const windowsMs = [
  1,
  3,
  6,
  12,
  24,
  3 * 24,
  7 * 24,
  14 * 24,
  30 * 24,
  60 * 24,
  90 * 24,
  180 * 24,
  365 * 24,
  730 * 24,
].map((hours) => hours * hourMs);
/** Rows that the shorter window holds, at the usual distance of an entity's rows. */
const shortRows = 3;
/** The longer window in shorter ones, at best and at least. */
const longFactor = { best: 4, least: 1.5 };
/** Of the table's span: rows of the first window are not learnt from, since it is not full for them. */
const spanShareMax = 0.25;

/** Two windows that fit how often rows of one entity come, and how long the table reaches; one or none where it is short. */
export function windowsOf({
  gapMs,
  spanMs,
  isDay,
}: {
  readonly gapMs: number;
  readonly spanMs: number;
  readonly isDay: boolean;
}): readonly string[] {
  const possible = windowsMs.filter((ms) => ms <= spanMs * spanShareMax && (!isDay || ms >= 3 * dayMs));
  const short = possible.find((ms) => ms >= shortRows * gapMs) ?? possible.at(-1);
  if (short === undefined) return [];
  const widest = possible.at(-1) ?? short;
  const long =
    possible.find((ms) => ms >= longFactor.best * short) ?? (widest >= longFactor.least * short ? widest : undefined);
  return [short, ...(long === undefined ? [] : [long])].map(windowText);
}

const windowText = (ms: number): string => (ms % dayMs === 0 ? `${ms / dayMs}d` : `${ms / hourMs}h`);

/** Of a table's span, for people. */
export const durationText = (ms: number): string =>
  ms >= 2 * dayMs ? `${Math.round(ms / dayMs)} days` : `${Math.round(ms / hourMs)} hours`;

/** How far back anything that is tried reaches, but for last values. */
export function warmUpOf({ windows, outcome }: Pick<HistoryPlan, 'windows' | 'outcome'>): number {
  const reached = outcome === undefined ? windows : outcomeWindows(outcome, windows);
  return Math.max(...[...windows, ...reached].map(msOf));
}

/** Every feature that is tried. */
export function candidatesOf(plan: Omit<HistoryPlan, 'features'>): readonly PastFeature[] {
  const { windows, columns, outcome } = plan;
  const long = windows.at(-1) ?? '';
  const counts = windows.map((window): PastFeature => ({
    view: 'activity',
    name: `rows_${window}`,
    expression: `count() over ${window}`,
    reads: undefined,
  }));
  const since: PastFeature = {
    view: 'activity',
    name: 'days_since_last',
    expression: '(now - last(event_time)) / 1d',
    reads: undefined,
  };
  const values = columns.flatMap(({ key, type }): PastFeature[] => [
    ...windows.map((window) => average(key, type, { window, view: 'values' })),
    ...(type === 'bool' ? [] : [sum(key, windows[0] ?? long)]),
    { view: 'values', name: `${key}_last`, expression: `last(${key})`, reads: key },
  ]);
  return [...counts, since, ...values, ...(outcome === undefined ? [] : outcomes(outcome, windows))];
}

function outcomes(outcome: Outcome, windows: readonly string[]): readonly PastFeature[] {
  const { key, is } = outcome;
  const type = is === undefined ? 'float' : 'bool';
  const last: PastFeature = {
    view: 'outcomes',
    name: `${key}_last`,
    expression: `last(${key})`,
    reads: key,
  };
  return [...outcomeWindows(outcome, windows).map((window) => average(key, type, { window, view: 'outcomes' })), last];
}

/** A window counts from a row's own time: one that is over before the outcome is known would be empty. */
function outcomeWindows({ afterMs }: Outcome, windows: readonly string[]): readonly string[] {
  const known = windows.filter((window) => msOf(window) >= 2 * afterMs);
  return known.length > 0 ? known : [windowText(windowsMs.find((ms) => ms >= 2 * afterMs) ?? windowsMaxMs)];
}

const windowsMaxMs = windowsMs.at(-1) ?? dayMs;

const msOf = (window: string): number => Number.parseInt(window, 10) * (window.endsWith('d') ? dayMs : hourMs);

function average(
  key: string,
  type: 'float' | 'bool',
  { window, view }: { readonly window: string; readonly view: View },
): PastFeature {
  const [name, word] = type === 'bool' ? [`${key}_rate_${window}`, 'rate'] : [`${key}_mean_${window}`, 'mean'];
  return { view, name, expression: `${word}(${key}) over ${window}`, reads: key };
}

const sum = (key: string, window: string): PastFeature => ({
  view: 'values',
  name: `${key}_sum_${window}`,
  expression: `sum(${key}) over ${window}`,
  reads: key,
});

const featuresMax = 8;
/** A feature that brings less of the trees' gain is not worth a line. */
const gainMin = 0.005;

/** Those that brought most, in the order of the candidates; the first ones where nothing is known of them. */
export function chosenOf(
  candidates: readonly PastFeature[],
  gain: ReadonlyMap<string, number>,
): readonly PastFeature[] {
  if (gain.size === 0) return candidates.slice(0, featuresMax);
  const of = ({ name }: PastFeature): number => gain.get(name) ?? 0;
  const best = [...candidates].sort((a, b) => of(b) - of(a)).slice(0, featuresMax);
  const worth = best.filter((feature, i) => i === 0 || of(feature) >= gainMin);
  return candidates.filter((feature) => worth.includes(feature));
}
