/** Logged predictions, newest first, found by filters that live in the address; a row opens in the inspector. */
import type { Endpoint, PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAskPages } from '../../api/queries.ts';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { EmptyState } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { count, figure, fullInstant, short } from '../../words.ts';
import { Answer, answerText } from './answer.tsx';
import { eventTime } from './event-time.ts';
import { isFiltered, PredictionFilter, predictionQuery } from './prediction-filter.tsx';

interface PredictionsProps {
  readonly endpoint: Endpoint;
  readonly view: ViewState;
  /** Versions that have answered, as far as deployments tell. */
  readonly versions: readonly number[];
}

export function Predictions({ endpoint, view, versions }: PredictionsProps): ReactElement {
  const isReceived = view.get('clock') === 'received';
  return (
    <Panel
      title="Predictions"
      caption={`newest first, by ${isReceived ? 'when they were answered' : 'event time'}`}
      flush
    >
      {endpoint.deployment === undefined ? (
        <Nothing endpoint={endpoint.name} isFiltered={false} />
      ) : (
        <>
          <PredictionFilter view={view} versions={versions} />
          <Found endpoint={endpoint} view={view} />
        </>
      )}
    </Panel>
  );
}

export const usePredictions = (endpoint: string, view: ViewState) =>
  useAskPages('endpoints.predictions', { params: { endpoint }, query: predictionQuery(view) });

function Found({ endpoint, view }: Pick<PredictionsProps, 'endpoint' | 'view'>): ReactElement {
  const predictions = usePredictions(endpoint.name, view);
  const pages = predictions.data?.pages ?? [];
  const scanned = pages.reduce((n, page) => n + page.scanned, 0);
  const isBound = pages.at(-1)?.isScanBound === true;
  return (
    <LoadedPages query={predictions}>
      {(rows, more) => (
        <div className="bounded">
          {rows.length === 0 && !isBound ? (
            <Nothing endpoint={endpoint.name} isFiltered={isFiltered(view)} />
          ) : (
            <DataTable
              label="Predictions"
              rows={rows}
              rowKey={(p) => p.id}
              href={(p) => view.href({ open: p.id })}
              selected={view.get('open')}
              columns={columnsOf(view).filter(
                ({ key }) => key !== 'own' || rows.some((p) => p.instanceId !== undefined),
              )}
              // A search that found too little does not go on by itself through the whole log.
              more={isBound ? undefined : more}
            />
          )}
          <div className="tf">
            {isBound && (
              <>
                <span role="status">
                  {count(rows.length)} found among {count(scanned)} looked at; older ones were not looked at yet.
                </span>
                <button
                  type="button"
                  className="btn sm"
                  disabled={more?.isLoading ?? true}
                  onClick={() => more?.load()}
                >
                  Search on
                </button>
              </>
            )}
            <button
              type="button"
              className="btn sm ghost"
              disabled={predictions.isRefetching}
              onClick={() => void predictions.refetch()}
            >
              <Icon name="run" small />
              Look for newer ones
            </button>
          </div>
        </div>
      )}
    </LoadedPages>
  );
}

function columnsOf(view: ViewState): readonly Column<PredictionRecord>[] {
  const isReceived = view.get('clock') === 'received';
  const timeOf = (p: PredictionRecord): number => (isReceived ? p.servedAt : p.at);
  return [
    {
      key: 'at',
      head: isReceived ? 'Answered' : 'Event time',
      sort: 'descending',
      cell: (p) => <time title={fullInstant(timeOf(p))}>{eventTime(timeOf(p))}</time>,
      value: (p) => new Date(timeOf(p)).toISOString(),
    },
    {
      key: 'id',
      head: 'Prediction',
      cell: (p) => (
        <Link className="mono" to={view.href({ open: p.id })} title={p.id}>
          {short(p.id)}
        </Link>
      ),
      value: (p) => p.id,
    },
    {
      key: 'own',
      head: 'Your id',
      isExtra: true,
      cell: (p) => <span className="mono">{p.instanceId ?? ''}</span>,
      value: (p) => p.instanceId ?? '',
    },
    {
      key: 'inputs',
      head: 'Inputs',
      isExtra: true,
      cell: (p) => <div className="el inputs-of t2">{inputsOf(p)}</div>,
      value: (p) => JSON.stringify(p.inputs),
    },
    {
      key: 'version',
      head: 'By',
      cell: (p) => (
        <>
          <ArmMark arm={p.isCanary ? 'challenger' : 'champion'} /> v{p.version}
        </>
      ),
      value: (p) => p.version,
    },
    {
      key: 'score',
      head: 'Answer',
      isNumber: true,
      cell: (p) => <Answer said={p} />,
      value: (p) => answerText(p),
    },
    {
      key: 'shadow',
      head: 'Shadow',
      isNumber: true,
      cell: (p) =>
        p.shadow === undefined ? (
          <span className="t3">{p.fault === undefined ? 'none' : 'fault'}</span>
        ) : (
          <span title={`Scored by version ${p.shadow.version}, answered nobody`}>
            <Answer said={p.shadow} />
          </span>
        ),
      value: (p) => (p.shadow === undefined ? '' : answerText(p.shadow)),
    },
    {
      key: 'label',
      head: 'Label',
      isNumber: true,
      cell: (p) =>
        p.label === undefined ? (
          <span className="t3">not yet</span>
        ) : (
          <span title={fullInstant(p.label.at)}>{p.label.class ?? figure(p.label.value)}</span>
        ),
      value: (p) => p.label?.class ?? p.label?.value ?? '',
    },
    {
      key: 'latency',
      head: 'Latency',
      isNumber: true,
      cell: (p) => micros(p.latencyUs),
      value: (p) => p.latencyUs,
    },
  ];
}

export const micros = (us: number): string => (us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(1)} ms`);

/** The texts among the inputs: they name the thing better than its numbers do. */
function inputsOf({ inputs }: PredictionRecord): string {
  const texts = Object.values(inputs).filter((v) => typeof v === 'string');
  return (texts.length > 0 ? texts : Object.values(inputs).map(String)).slice(0, 6).join(' ');
}

function Nothing({ endpoint, isFiltered: hasFilter }: { endpoint: string; isFiltered: boolean }): ReactElement {
  return hasFilter ? (
    <EmptyState title="No prediction fits the filter">Clear it, or take a part of it away.</EmptyState>
  ) : (
    <EmptyState title="No predictions yet" command={`slipway predict ${endpoint} --input name=value`}>
      Every answer of the endpoint is logged before it is sent.
    </EmptyState>
  );
}
