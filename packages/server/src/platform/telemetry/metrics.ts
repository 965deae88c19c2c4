/**
 * Prometheus text exposition (version 0.0.4), written on scrape. Counters, gauges and histograms with a bounded number of
 * label sets: past the bound, further ones are counted under `other`, so that a hostile name cannot grow memory.
 */
type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(labels: Labels, amount?: number): void;
}
export interface Histogram {
  /** For a hot place: the labels are looked up once. */
  readonly series: (labels: Labels) => (value: number) => void;
  observe(labels: Labels, value: number): void;
}
export interface Metrics {
  counter(name: string, help: string): Counter;
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  /** A value read on scrape. */
  gauge(name: string, help: string, read: () => number | readonly Sample[]): void;
  text(): string;
}
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

const maxLabelSets = 500;
const escapeLabel = (v: string): string => v.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const render = (labels: Labels): string => {
  const parts = Object.entries(labels).map(([k, v]) => `${k}="${escapeLabel(v)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
};
const number = (v: number): string => (v === Infinity ? '+Inf' : v === -Infinity ? '-Inf' : String(v));

export function createMetrics(): Metrics {
  const families = new Map<string, () => string>();
  const register = (name: string, type: string, help: string, lines: () => string): void => {
    if (families.has(name)) throw new Error(`metric ${name} is registered twice`);
    families.set(name, () => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines()}`);
  };
  const bounded = <T>(cells: Map<string, T>, labels: Labels, make: (labels: Labels) => T): T => {
    const isPast = cells.size >= maxLabelSets && !cells.has(render(labels));
    const counted = isPast ? Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])) : labels;
    const key = render(counted);
    let cell = cells.get(key);
    if (cell === undefined) cells.set(key, (cell = make(counted)));
    return cell;
  };
  return {
    counter: (name, help) => {
      const cells = new Map<string, { value: number }>();
      register(name, 'counter', help, () => [...cells].map(([k, c]) => `${name}${k} ${number(c.value)}\n`).join(''));
      return {
        add: (labels, amount = 1) => {
          bounded(cells, labels, () => ({ value: 0 })).value += amount;
        },
      };
    },
    histogram: (name, help, bounds) => {
      const cells = new Map<string, { labels: Labels; counts: Float64Array; sum: number }>();
      const lines = (cell: { labels: Labels; counts: Float64Array; sum: number }): string => {
        let total = 0;
        let text = '';
        [...bounds, Infinity].forEach((bound, i) => {
          total += cell.counts[i] ?? 0;
          text += `${name}_bucket${render({ ...cell.labels, le: number(bound) })} ${total}\n`;
        });
        return `${text}${name}_sum${render(cell.labels)} ${number(cell.sum)}\n${name}_count${render(cell.labels)} ${total}\n`;
      };
      register(name, 'histogram', help, () => [...cells.values()].map(lines).join(''));
      const series = (labels: Labels) => {
        const cell = bounded(cells, labels, (counted) => ({
          labels: counted,
          counts: new Float64Array(bounds.length + 1),
          sum: 0,
        }));
        return (value: number): void => {
          let i = 0;
          while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
          cell.counts[i] = (cell.counts[i] ?? 0) + 1;
          cell.sum += value;
        };
      };
      return {
        series,
        observe: (labels, value) => series(labels)(value),
      };
    },
    gauge: (name, help, read) => {
      register(name, 'gauge', help, () => {
        const value = read();
        const samples = typeof value === 'number' ? [{ labels: {}, value }] : value;
        return samples.map((s) => `${name}${render(s.labels)} ${number(s.value)}\n`).join('');
      });
    },
    text: () => [...families.values()].map((family) => family()).join(''),
  };
}
