/**
 * When each replayed row happens. Rows keep their own time where that fills the windows of the monitors; where it does not
 * (no time at all, or fewer outcomes a window than a monitor judges by) they are laid out evenly over whole windows that end
 * now, and begin again where there are too few: in the order of their times, or mixed where they have none. Tables without a
 * time are often sorted by something, and that is no drift.
 */

export type WindowName = 'hour' | 'day' | 'week' | 'month';

export interface Scheduled {
  /** Place among the rows. */
  readonly row: number;
  readonly at: number;
}

export interface Schedule {
  readonly events: readonly Scheduled[];
  /** Begins of the windows, and the end of the last. */
  readonly edges: readonly number[];
  /** From here on rows are shifted. */
  readonly shiftFrom: number;
  /** The rows' own times, or laid out; then how often each row comes at most. */
  readonly layout:
    | { readonly kind: 'own' }
    | { readonly kind: 'even'; readonly repeats: number; readonly hadTimes: boolean };
}

export interface ScheduleOptions {
  /** Of each row, milliseconds; undefined where rows have none. */
  readonly times: readonly number[] | undefined;
  readonly rowCount: number;
  readonly window: WindowName;
  /** Fewest outcomes that a monitor judges by. */
  readonly labelledMin: number;
  /** What a row reads depends on its instant, so it keeps it however few outcomes a window has then. */
  readonly keepsTimes: boolean;
  readonly now: number;
}

const hourMs = 3_600_000;
const lengths = { hour: hourMs, day: 24 * hourMs, week: 168 * hourMs } as const;
/** Of the epoch's weeks: 1970-01-05 was a Monday. */
const firstMondayMs = 4 * lengths.day;
/** Half of them ordinary, half shifted. */
const windowsWanted = 6;
const windowsMax = 12;
/** More than a monitor asks for, because a window's edge may cut some off. */
const room = 1.25;

export function scheduleRows(options: ScheduleOptions): Schedule {
  const { times, window, labelledMin, rowCount, keepsTimes } = options;
  if (times !== undefined && times.length > 0) {
    const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
    const edges = edgesBetween(window, first, last);
    const windows = edges.length - 1;
    if (keepsTimes || (windows >= 2 && rowCount / windows >= labelledMin * room))
      return {
        events: times.map((at, row) => ({ row, at })),
        edges,
        shiftFrom: middleEdge(edges, times) ?? edges.at(-1) ?? last,
        layout: { kind: 'own' },
      };
  }
  return layOut(options);
}

/** The edge between windows that cuts the rows nearest to the middle; undefined where there is one window. */
function middleEdge(edges: readonly number[], times: readonly number[]): number | undefined {
  const distance = (edge: number): number => Math.abs(times.filter((at) => at < edge).length - times.length / 2);
  return edges.slice(1, -1).toSorted((a, b) => distance(a) - distance(b))[0];
}

function layOut({ times, rowCount, window, labelledMin, now }: ScheduleOptions): Schedule {
  const needed = Math.ceil(labelledMin * room);
  const windows = Math.max(windowsWanted, Math.min(windowsMax, Math.floor(rowCount / needed)));
  const perWindow = Math.max(needed, Math.floor(rowCount / windows));
  const edges: number[] = [startOf(window, now)];
  while (edges.length <= windows) edges.unshift(startOf(window, (edges[0] ?? 0) - 1));
  const order = times === undefined ? mixedOrder(rowCount) : Array.from({ length: rowCount }, (_, row) => row);
  const events: Scheduled[] = [];
  for (let w = 0; w < windows; w++) {
    const [from, to] = [edges[w] ?? 0, edges[w + 1] ?? 0];
    for (let i = 0; i < perWindow; i++) {
      const at = Math.floor(from + ((i + 0.5) / perWindow) * (to - from));
      events.push({ row: order[(w * perWindow + i) % rowCount] ?? 0, at });
    }
  }
  return {
    events,
    edges,
    shiftFrom: edges[Math.ceil(windows / 2)] ?? now,
    layout: { kind: 'even', repeats: Math.ceil(events.length / rowCount), hadTimes: times !== undefined },
  };
}

/** The same for every run: by a hash of the place (the finalizer of MurmurHash3, which maps no two places to one). */
function mixedOrder(rowCount: number): readonly number[] {
  const hash = (place: number): number => {
    let h = Math.imul(place + 1, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  return Array.from({ length: rowCount }, (_, row) => row).sort((a, b) => hash(a) - hash(b));
}

/** Begin of the window (UTC) that holds this instant. */
export function startOf(window: WindowName, at: number): number {
  if (window === 'month') {
    const day = new Date(at);
    return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1);
  }
  const length = lengths[window];
  const offset = window === 'week' ? firstMondayMs : 0;
  return Math.floor((at - offset) / length) * length + offset;
}

function edgesBetween(window: WindowName, first: number, last: number): readonly number[] {
  const edges: number[] = [];
  const longest = window === 'month' ? 31 * lengths.day : lengths[window];
  for (let at = startOf(window, first); at <= last; at = startOf(window, at + longest)) edges.push(at);
  const end = edges.at(-1) ?? first;
  return [...edges, startOf(window, end + longest)];
}
