/** Logged predictions of a range of event time, oldest first as the log gives them; a row opens in the inspector. */
import type { Endpoint, PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import { count, decimals, fullInstant, short } from '../../words.ts';
import { eventTime, toField } from './event-time.ts';
import type { PredictionRange } from './prediction-range.ts';
import { predictionsMax } from './prediction-range.ts';
import type { ViewState } from '../../components/use-view-state.ts';

const rowsAtOnce = 50;
const hourMs = 3_600_000;
const spans: readonly (readonly [word: string, hours: number])[] = [
  ['Last hour', 1],
  ['Last day', 24],
  ['Last week', 168],
];

const kinds = {
  all: ['All', () => true],
  canary: ['Candidate', (p: PredictionRecord) => p.isCanary],
  shadow: ['With shadow', (p: PredictionRecord) => p.shadow !== undefined],
  open: ['No label yet', (p: PredictionRecord) => p.label === undefined],
} as const satisfies Readonly<Record<string, readonly [string, (p: PredictionRecord) => boolean]>>;
type Kind = keyof typeof kinds;
const kindNames = ['all', 'canary', 'shadow', 'open'] as const;

interface PredictionsProps {
  readonly endpoint: Endpoint;
  readonly range: PredictionRange;
  readonly view: ViewState;
}

export function Predictions({ endpoint, range, view }: PredictionsProps): ReactElement {
  const kind: Kind = kindNames.find((k) => k === view.get('show')) ?? 'all';
  const [limit, setLimit] = useState(rowsAtOnce);
  const [, fits] = kinds[kind];
  return (
    <Panel
      title="Predictions"
      caption="by event time, oldest first"
      actions={
        <div className="seg" role="group" aria-label="Which predictions">
          {kindNames.map((k) => (
            <button
              type="button"
              key={k}
              aria-pressed={k === kind}
              onClick={() => view.set({ show: k === 'all' ? undefined : k })}
            >
              {kinds[k][0]}
            </button>
          ))}
        </div>
      }
      flush
    >
      {endpoint.deployment === undefined ? (
        <Nothing endpoint={endpoint.name} isFiltered={false} />
      ) : (
        <>
          <RangeFields range={range} view={view} />
          <Loaded query={range.answer}>
            {({ items }) => {
              const rows = items.filter(fits);
              if (rows.length === 0) return <Nothing endpoint={endpoint.name} isFiltered={items.length > 0} />;
              return (
                <div className="bounded">
                  <DataTable
                    label="Predictions"
                    rows={rows.slice(0, limit)}
                    rowKey={(p) => p.id}
                    href={(p) => view.href({ open: p.id })}
                    selected={view.get('open')}
                    columns={columnsOf(view)}
                    more={
                      rows.length > limit ? { isLoading: false, load: () => setLimit(limit + rowsAtOnce) } : undefined
                    }
                  />
                  <div className="tf">
                    {count(rows.length)} of {count(items.length)} in the range
                    {range.isCut && `; the range has more than ${count(predictionsMax)}`}
                    {range.isCut && (
                      <button
                        type="button"
                        className="btn sm"
                        onClick={() => view.set({ from: toField(items.at(-1)?.at ?? range.from) })}
                      >
                        Go on from {eventTime(items.at(-1)?.at ?? range.from)}
                      </button>
                    )}
                  </div>
                </div>
              );
            }}
          </Loaded>
        </>
      )}
    </Panel>
  );
}

function RangeFields({ range, view }: { range: PredictionRange; view: ViewState }): ReactElement {
  return (
    <div className="range">
      <label>
        From
        <input
          type="datetime-local"
          className="input"
          data-filter=""
          value={toField(range.from)}
          onChange={(e) => view.set({ from: e.currentTarget.value === '' ? undefined : e.currentTarget.value })}
        />
      </label>
      <label>
        to
        <input
          type="datetime-local"
          className="input"
          value={range.to === undefined ? '' : toField(range.to)}
          onChange={(e) => view.set({ to: e.currentTarget.value === '' ? undefined : e.currentTarget.value })}
        />
      </label>
      <span className="t3">UTC</span>
      <div className="row" role="group" aria-label="Common ranges">
        {spans.map(([word, hours]) => (
          <button
            type="button"
            className="btn sm"
            key={word}
            title={`Up to ${fullInstant(range.endAt)}, how far outcomes are known`}
            onClick={() => view.set({ from: toField(range.endAt - hours * hourMs), to: undefined })}
          >
            {word}
          </button>
        ))}
      </div>
    </div>
  );
}

function columnsOf(view: ViewState): readonly Column<PredictionRecord>[] {
  return [
    { key: 'at', head: 'Event time', cell: (p) => <time title={fullInstant(p.at)}>{eventTime(p.at)}</time> },
    {
      key: 'id',
      head: 'Prediction',
      cell: (p) => (
        <Link className="mono" to={view.href({ open: p.id })} title={p.id}>
          {short(p.id)}
        </Link>
      ),
    },
    {
      key: 'inputs',
      head: 'Inputs',
      isExtra: true,
      cell: (p) => <div className="el inputs-of t2">{inputsOf(p)}</div>,
    },
    {
      key: 'version',
      head: 'By',
      cell: (p) => (
        <>
          <ArmMark arm={p.isCanary ? 'challenger' : 'champion'} /> v{p.version}
        </>
      ),
    },
    { key: 'score', head: 'Score', isNumber: true, cell: (p) => <b>{decimals(p.score)}</b> },
    {
      key: 'shadow',
      head: 'Shadow',
      isNumber: true,
      cell: (p) =>
        p.shadow === undefined ? (
          <span className="t3">none</span>
        ) : (
          <span title={`Scored by version ${p.shadow.version}, answered nobody`}>{decimals(p.shadow.score)}</span>
        ),
    },
    {
      key: 'label',
      head: 'Label',
      isNumber: true,
      cell: (p) =>
        p.label === undefined ? (
          <span className="t3">not yet</span>
        ) : (
          <span title={fullInstant(p.label.at)}>{p.label.value}</span>
        ),
    },
    { key: 'latency', head: 'Latency', isNumber: true, cell: (p) => micros(p.latencyUs) },
  ];
}

export const micros = (us: number): string => (us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(1)} ms`);

/** The texts among the inputs: they name the thing better than its numbers do. */
function inputsOf({ inputs }: PredictionRecord): string {
  const texts = Object.values(inputs).filter((v) => typeof v === 'string');
  return (texts.length > 0 ? texts : Object.values(inputs).map(String)).slice(0, 6).join(' ');
}

function Nothing({ endpoint, isFiltered }: { endpoint: string; isFiltered: boolean }): ReactElement {
  return isFiltered ? (
    <EmptyState title="None of this kind in the range">Choose All, or another range.</EmptyState>
  ) : (
    <EmptyState title="No predictions in this range" command={`slipway predict ${endpoint} --input name=value`}>
      Every answer of the endpoint is logged at its event time before it is sent.
    </EmptyState>
  );
}
