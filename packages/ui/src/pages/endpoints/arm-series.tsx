/** What the endpoint did over time, by arm or by version: traffic, latency, faults, scores and outcomes, on one window. */
import type { Endpoint, EndpointSeries, SeriesMark } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import type { Series } from '../../components/line-chart.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { presets } from '../../frame/time-range.ts';
import { count, duration } from '../../words.ts';
import { ofField, span } from './event-time.ts';

const hourMs = 3_600_000;
export const windows: readonly (readonly [word: string, ms: number])[] = [
  ['1 h', hourMs],
  ['6 h', 6 * hourMs],
  ['24 h', 24 * hourMs],
  ['7 d', 168 * hourMs],
  ['30 d', 720 * hourMs],
];
const windowDefault = 24 * hourMs;
/** No event announces a prediction. */
const askEveryMs = 5000;
const height = 140;
/** Of the page's grid. */
const columns = 12;
/** Beyond these, series are told apart by their names. */
const versionColors = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'] as const;

export interface SeriesView {
  readonly by: 'arm' | 'version';
  readonly clock: 'event' | 'received';
  readonly window: number;
  readonly to: number | undefined;
}

/** The page's own choice, else the range of the whole console: an interval of two ends, or up to the newest prediction. */
function windowOf(view: ViewState): number {
  const own = Number(view.get('window'));
  if (windows.some(([, ms]) => ms === own)) return own;
  const { from, to } = { from: ofField(view.get('from')), to: ofField(view.get('to')) };
  if (from !== undefined && to !== undefined && to > from) return to - from;
  return presets.find(({ key }) => key === view.get('range'))?.ms ?? windowDefault;
}

export function seriesView(view: ViewState): SeriesView {
  return {
    by: view.get('by') === 'version' ? 'version' : 'arm',
    clock: view.get('clock') === 'received' ? 'received' : 'event',
    window: windowOf(view),
    to: ofField(view.get('to')),
  };
}

interface ArmSeriesProps {
  readonly endpoint: Endpoint;
  readonly view: ViewState;
}

export function ArmSeries({ endpoint, view }: ArmSeriesProps): ReactElement | null {
  const { by, clock, window, to } = seriesView(view);
  const series = useAsk(
    'endpoints.series',
    { params: { endpoint: endpoint.name }, query: { by, clock, window, ...(to === undefined ? {} : { to }) } },
    { keep: true, enabled: endpoint.deployment !== undefined, everyMs: askEveryMs },
  );
  if (endpoint.deployment === undefined) return null;
  return (
    <>
      <div className="panel over-time" role="group" aria-label="What the charts show">
        <Choice
          label="Series"
          options={[
            ['arm', 'By arm'],
            ['version', 'By version'],
          ]}
          value={by}
          choose={(value) => view.set({ by: value === 'arm' ? undefined : value })}
        />
        <Choice
          label="Clock"
          options={[
            ['event', 'Event time'],
            ['received', 'Received'],
          ]}
          value={clock}
          choose={(value) => view.set({ clock: value === 'event' ? undefined : value })}
        />
        <Choice
          label="Window"
          options={windows.map(([word, ms]) => [String(ms), word] as const)}
          value={String(window)}
          choose={(value) => view.set({ window: value, range: undefined })}
        />
        <Legend series={series.data?.series ?? []} />
        <span className="sm t3 grow" role="status">
          {series.data !== undefined &&
            `${span(series.data.from, series.data.to)}, ${to === undefined ? 'up to the newest prediction' : 'as chosen'}${series.data.isComplete ? '' : '; older predictions are still being counted'}`}
        </span>
      </div>
      <div className={series.data === undefined ? 'arm-charts waiting' : 'arm-charts'}>
        <Loaded query={series} lines={4}>
          {(data) => <Charts data={data} name={endpoint.name} />}
        </Loaded>
      </div>
    </>
  );
}

/** Which series are which, once for all charts. */
function Legend({ series }: { series: readonly One[] }): ReactElement {
  return (
    <span className="row wrap sm" role="group" aria-label="Series shown">
      {series.map((one, i) => (
        <span key={one.key} className="row">
          {one.arm === undefined ? (
            <i className="series-key" style={{ background: `var(${colorOf(one, i)})` }} />
          ) : (
            <ArmMark arm={one.arm === 'candidate' ? 'challenger' : 'champion'} />
          )}
          {one.arm === undefined ? nameOf(one) : `${one.arm} v${one.versions.join(', v')}`}
        </span>
      ))}
    </span>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly options: readonly (readonly [value: string, word: string])[];
  readonly value: string;
  readonly choose: (value: string) => void;
}

export function Choice({ label, options, value, choose }: ChoiceProps): ReactElement {
  return (
    <div className="seg" role="group" aria-label={label}>
      {options.map(([one, word]) => (
        <button type="button" key={one} aria-pressed={one === value} onClick={() => choose(one)}>
          {word}
        </button>
      ))}
    </div>
  );
}

type One = EndpointSeries['series'][number];

const nameOf = ({ arm, key }: One): string => arm ?? `v${key}`;

const colorOf = ({ arm }: One, i: number): string =>
  arm === 'candidate' ? '--arm-challenger' : arm === 'incumbent' ? '--arm-champion' : (versionColors[i] ?? '--c8');

interface ChartsProps {
  readonly data: EndpointSeries;
  readonly name: string;
}

function Charts({ data, name }: ChartsProps): ReactElement {
  const { at, stepMs, series } = data;
  if (series.length === 0) {
    return (
      <div className="panel whole">
        <EmptyState title="No predictions in this window" command={`slipway predict ${name} --input name=value`}>
          Every answer is counted here by its arm: choose a longer window, or ask the endpoint something.
        </EmptyState>
      </div>
    );
  }
  const per = `per ${duration(stepMs).replace(/^1 (?=\D)/, '')}`;
  const marks = data.marks.map(({ at: x, ...mark }) => ({ x, ...wordOf(mark) }));
  const lines = (read: (one: One) => readonly (number | null)[], word = ''): Series[] =>
    series.map((one, i) => ({
      name: `${nameOf(one)}${word}`,
      color: colorOf(one, i),
      values: read(one),
      isDashed: one.arm === 'candidate' || i % 2 === 1,
    }));
  const hasLabels = series.some((one) => one.labelled.some((n) => (n ?? 0) > 0));
  const outcomes = outcomeFigures[data.task];
  const scale = Math.max(...series.flatMap((one) => one.latencyUsP50.map((v) => v ?? 0))) >= 1000 ? 1000 : 1;
  const chart = { x: at, height, marks, isNamedAbove: true } as const;
  const hasFaults = series.some((one) => one.faults.some((n) => (n ?? 0) > 0));
  return (
    <>
      <Panel title="Requests" caption={`${per}, on top of each other`} span={5}>
        <LineChart {...chart} label={`Requests ${per}`} digits={0} isStacked series={lines((one) => one.requests)} />
      </Panel>
      <Panel title={`Latency, ${scale === 1 ? 'µs' : 'ms'}`} caption={`inside the server, ${per}`} span={4}>
        <LineChart
          {...chart}
          label={`Latency ${per}`}
          digits={scale === 1 ? 0 : 2}
          unit={scale === 1 ? 'µs' : 'ms'}
          series={latencyLines(series, scale)}
        />
      </Panel>
      <Panel title="Faults" caption={per} span={3}>
        {hasFaults ? (
          <LineChart {...chart} label={`Faults ${per}`} digits={0} series={lines((one) => one.faults)} />
        ) : (
          <p className="sm t2">None in this window: every version on trial scored what it was asked.</p>
        )}
      </Panel>
      <Panel title={scoreNames[data.task]} caption={per} span={hasLabels ? 4 : 12}>
        <LineChart {...chart} label={`${scoreNames[data.task]} ${per}`} series={lines((one) => one.meanScore)} />
      </Panel>
      {hasLabels &&
        outcomes.map(({ name, note, unit, read }) => (
          <Panel key={name} title={name} caption={`${note ?? 'where labels came'}, ${per}`} span={4}>
            <LineChart
              {...chart}
              label={`${name} ${per}`}
              {...(unit === undefined ? {} : { unit })}
              digits={unit === '%' ? 1 : 3}
              series={lines(read)}
            />
          </Panel>
        ))}
      {hasLabels && (
        <Panel
          title="Label coverage, %"
          caption={coverageWords(series)}
          span={columns - 4 * ((1 + outcomes.length) % 3)}
        >
          <LineChart
            {...chart}
            label={`Share of predictions whose label has come, ${per}`}
            digits={0}
            unit="%"
            series={lines((one) =>
              one.requests.map((n, i) => (n === null || n === 0 ? null : (100 * (one.labelled[i] ?? 0)) / n)),
            )}
          />
        </Panel>
      )}
    </>
  );
}

interface OutcomeFigure {
  readonly name: string;
  readonly note?: string;
  readonly unit?: string;
  readonly read: (one: One) => readonly (number | null)[];
}

const inPercent = (shares: readonly (number | null)[]): readonly (number | null)[] =>
  shares.map((share) => (share === null ? null : 100 * share));

const scoreNames: Readonly<Record<EndpointSeries['task'], string>> = {
  binary: 'Mean score',
  classes: 'Mean probability of the class named',
  number: 'Mean answer',
  quantiles: 'Mean of the middle answer',
};

/** What outcomes say of the answers; numbers are in the unit of the outcome. */
const outcomeFigures: Readonly<Record<EndpointSeries['task'], readonly OutcomeFigure[]>> = {
  binary: [{ name: 'Log loss', read: (one) => one.logLoss }],
  classes: [
    { name: 'Accuracy, %', note: 'the class named is right', unit: '%', read: (one) => inPercent(one.accuracy) },
    { name: 'Log loss', note: 'of the true class', read: (one) => one.logLoss },
  ],
  number: [
    { name: 'Mean absolute error', read: (one) => one.meanAbsoluteError },
    { name: 'Root mean squared error', read: (one) => one.rootMeanSquaredError },
    { name: 'Mean outcome', read: (one) => one.meanLabel },
  ],
  quantiles: [
    { name: 'Coverage, %', note: 'outcomes inside the interval', unit: '%', read: (one) => inPercent(one.coverage) },
    { name: 'Pinball loss', note: 'mean over the levels', read: (one) => one.pinballLoss },
    { name: 'Mean absolute error', note: 'of the middle answer', read: (one) => one.meanAbsoluteError },
  ],
};

function coverageWords(series: readonly One[]): string {
  const sum = (values: readonly (number | null)[]): number => values.reduce<number>((n, v) => n + (v ?? 0), 0);
  const requests = series.reduce((n, one) => n + sum(one.requests), 0);
  const labelled = series.reduce((n, one) => n + sum(one.labelled), 0);
  return `${count(labelled)} of ${count(requests)} labels have come`;
}

/** So many lines are named at their ends; more would push each other off their places. */
const namedAtEndsMax = 4;

/** The middle and the slowest hundredth of each, in its colour: the second dashed. */
function latencyLines(series: readonly One[], scale: number): Series[] {
  const isNamed = 2 * series.length <= namedAtEndsMax;
  return series.flatMap((one, i) =>
    (['p50', 'p99'] as const).map((part): Series => {
      const values = (part === 'p50' ? one.latencyUsP50 : one.latencyUsP99).map((v) => (v === null ? null : v / scale));
      const last = values.findLast((v) => v !== null);
      const version = one.arm === undefined ? nameOf(one) : `v${one.versions.at(-1) ?? ''}`;
      return {
        name: `${nameOf(one)}, ${part}`,
        color: colorOf(one, i),
        values,
        isDashed: part === 'p99',
        ...(isNamed && typeof last === 'number'
          ? { endLabel: `${version} ${part} ${Number(last.toPrecision(2))}` }
          : {}),
      };
    }),
  );
}

/** What a step did to the traffic, else what was decided. */
function wordOf({ verdict, percent }: Pick<SeriesMark, 'verdict' | 'percent'>): { name: string; color?: string } {
  if (percent !== undefined) return { name: percent === 0 ? 'shadow' : `${percent} %` };
  const name = verdict.replace('-', ' ');
  return verdict === 'rolled-back' || verdict === 'rejected' ? { name, color: '--bad-fg' } : { name };
}
