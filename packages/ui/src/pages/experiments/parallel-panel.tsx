/** Settings against outcome: which axes, what is brushed, and the same as fields and a table. */
import type { Run } from '@slipway/contract';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { FormEvent, ReactElement } from 'react';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import type { ApiError } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { Panel } from '../../components/layout.tsx';
import { ErrorNote, Skeleton } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { count, plural } from '../../words.ts';
import { ColumnPicker } from './column-picker.tsx';
import type { ColumnKey } from './columns.ts';
import { fieldOfColumn, isColumnKey, kindOf } from './columns.ts';
import { quotedText } from './completion.ts';
import { fieldText } from './form-field.ts';
import { colourOf } from './metric-chart.tsx';
import type { Axis, Brush } from './parallel.ts';
import {
  axisOf,
  axisValue,
  brushedNames,
  brushesOf,
  brushFilter,
  brushText,
  isWithin,
  linesMax,
  positionsOf,
  valueAt,
} from './parallel.ts';
import { ParallelPlot } from './parallel-plot.tsx';
import { metricText } from './values.ts';

const pageSize = 1000;
/** Where somebody asked for charts; of those that are simply there one page is drawn. */
const pagesMax = 5;
const tableRowsMax = 100;

interface Read {
  readonly runs: readonly Run[];
  readonly hasMore: boolean;
}

function useLines(
  view: ViewState,
  axes: readonly ColumnKey[],
  seq: number,
): { data: Read | undefined; error: ApiError | null } {
  const query = {
    ...Object.fromEntries(
      (['experiment', 'f'] as const).flatMap((key) => {
        const value = view.get(key);
        return value === undefined ? [] : [[key === 'f' ? 'filter' : key, value]];
      }),
    ),
    columns: axes.toSorted().join(','),
    limit: pageSize,
  };
  const most = view.get('charts') === undefined ? 1 : pagesMax;
  return useQuery<Read, ApiError>({
    queryKey: ['run-lines', query, seq, most],
    enabled: axes.length > 0,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const runs: Run[] = [];
      let pageToken: string | undefined;
      for (let page = 0; page < most; page++) {
        const next = await ask(
          'runs.list',
          { query: { ...query, ...(pageToken === undefined ? {} : { pageToken }) } },
          signal,
        );
        runs.push(...next.items);
        pageToken = next.nextPageToken;
        if (pageToken === undefined) break;
      }
      return { runs, hasMore: pageToken !== undefined };
    },
  });
}

interface ParallelPanelProps {
  readonly view: ViewState;
  /** Until somebody chooses others. */
  readonly axesAtFirst: readonly ColumnKey[];
  readonly selected: readonly string[];
  /** Changes when the list is asked for anew: the lines then are too. */
  readonly seq: number;
}

export function ParallelPanel({ view, axesAtFirst, selected, seq }: ParallelPanelProps): ReactElement {
  const columns = view.list('axes')?.filter(isColumnKey) ?? axesAtFirst;
  const { data, error } = useLines(view, columns, seq);
  const [isTable, setTable] = useState(false);
  const runs = data?.runs ?? none;
  const key = columns.join(',');
  const axes = useMemo(() => columns.map((column) => axisOf(runs, column)), [runs, key]);
  const positions = useMemo(() => positionsOf(runs, axes), [runs, axes]);
  const brushesNow = view.get('brush');
  const brushes = useMemo(() => brushesOf(brushesNow, columns), [brushesNow, key]);
  const colours = useMemo(() => new Map(selected.map((id, i) => [id, colourOf(i).color])), [selected.join(',')]);
  const kept = useMemo(
    () => runs.filter((_, i) => isWithin(axes, positions[i] ?? [], brushes)),
    [runs, axes, positions, brushes],
  );
  const brush = (axis: Axis, ends: { readonly low: number; readonly high: number } | undefined): void => {
    const rest = brushes.filter((b) => b.column !== axis.column);
    view.set({ brush: brushText(ends === undefined ? rest : [...rest, { column: axis.column, ...ends }]) });
  };
  const toFilter = (): void => {
    const names = brushes.flatMap((b) => {
      const axis = axes.find((a) => a.column === b.column);
      if (axis === undefined || kindOf(b.column) === 'metric') return [];
      return [`${fieldOfColumn(b.column)} in (${brushedNames(runs, axis, b).map(quotedText).join(', ')})`];
    });
    const now = view.get('f');
    const parts = [...(now === undefined ? [] : [`(${now})`]), brushFilter(axes, brushes, fieldOfColumn), ...names];
    view.set({ f: parts.filter((part) => part !== '').join(' and '), brush: undefined });
  };
  const isDense = runs.length > linesMax;
  return (
    <Panel
      title="Settings against outcome"
      span={7}
      caption={
        data === undefined
          ? undefined
          : `${data.hasMore ? 'the first ' : ''}${plural(runs.length, 'run')}${isDense ? ' as density' : ''}, drag along an axis to brush`
      }
      actions={
        <>
          <ColumnPicker
            experiment={view.get('experiment')}
            word="Axes"
            choice={{
              shown: columns,
              pins: none,
              change: (next) => view.set({ axes: next?.join(','), brush: undefined }),
            }}
          />
          <button type="button" className="btn sm ghost" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            {isTable ? 'As chart' : 'As table'}
          </button>
        </>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {columns.length < 2 ? (
        <p className="t2 sm">Choose at least two axes: params to the left, what came of them to the right.</p>
      ) : data === undefined ? (
        error === null && <Skeleton />
      ) : (
        <figure aria-label="Settings against outcome">
          {isTable ? (
            <LineTable runs={kept} columns={columns} />
          ) : (
            <ParallelPlot {...{ runs, axes, positions, brushes, colours, brush }} />
          )}
          <Brushes axes={axes} brushes={brushes} brush={brush} />
          <div className="row wrap">
            <span className="sm t2" role="status">
              {brushes.length > 0 && `${count(kept.length)} of ${plural(runs.length, 'run')} within the brushes`}
            </span>
            {brushes.length > 0 && (
              <>
                <button type="button" className="btn sm" disabled={kept.length === 0} onClick={toFilter}>
                  Filter the list by them
                </button>
                <button type="button" className="btn sm ghost" onClick={() => view.set({ brush: undefined })}>
                  Clear the brushes
                </button>
              </>
            )}
          </div>
        </figure>
      )}
    </Panel>
  );
}

const none: readonly never[] = [];

interface BrushesProps {
  readonly axes: readonly Axis[];
  readonly brushes: readonly Brush[];
  readonly brush: (axis: Axis, ends: { readonly low: number; readonly high: number } | undefined) => void;
}

/** The brushes for keys: the ends of each axis as fields. */
function Brushes({ axes, brushes, brush }: BrushesProps): ReactElement {
  return (
    <details className="brushes">
      <summary className="sm t2">Ends of the brushes</summary>
      <div className="row wrap">
        {axes.map((axis) => {
          const now = brushes.find((b) => b.column === axis.column);
          return (
            <Ends key={`${axis.column} ${now?.low ?? ''} ${now?.high ?? ''}`} axis={axis} now={now} brush={brush} />
          );
        })}
      </div>
    </details>
  );
}

function Ends({
  axis,
  now,
  brush,
}: {
  axis: Axis;
  now: Brush | undefined;
  brush: BrushesProps['brush'];
}): ReactElement {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const end = (name: string, otherwise: number): number => {
      const text = fieldText(form, name);
      return text === '' ? otherwise : Number(text);
    };
    const ends = [end('low', axis.low), end('high', axis.high)];
    const isWhole = fieldText(form, 'low') === '' && fieldText(form, 'high') === '';
    brush(
      axis,
      isWhole || !ends.every(Number.isFinite) ? undefined : { low: Math.min(...ends), high: Math.max(...ends) },
    );
  };
  const shared = { className: 'input', step: 'any' } as const;
  const short = (value: number): string => String(Number(value.toPrecision(6)));
  return (
    <form className="row ends" onSubmit={submit}>
      <span className="el sm" dir="auto" title={axis.name}>
        {axis.name}
      </span>
      {axis.scale === 'names' ? (
        (['low', 'high'] as const).map((name) => (
          <select
            key={name}
            className="input"
            name={name}
            aria-label={`${name === 'low' ? 'First' : 'Last'} ${axis.name}`}
            defaultValue={now?.[name] === undefined ? '' : String(Math.round(now[name]))}
          >
            <option value="">any</option>
            {axis.names.map((option, i) => (
              <option key={option} value={i}>
                {option}
              </option>
            ))}
          </select>
        ))
      ) : (
        <>
          <input
            {...shared}
            type="number"
            name="low"
            aria-label={`Least ${axis.name}`}
            placeholder={short(valueAt(axis, 0))}
            defaultValue={now && short(now.low)}
          />
          <input
            {...shared}
            type="number"
            name="high"
            aria-label={`Greatest ${axis.name}`}
            placeholder={short(valueAt(axis, 1))}
            defaultValue={now && short(now.high)}
          />
        </>
      )}
      <button type="submit" className="btn sm" aria-label={`Brush ${axis.name}`}>
        Brush
      </button>
    </form>
  );
}

function LineTable({ runs, columns }: { runs: readonly Run[]; columns: readonly ColumnKey[] }): ReactElement {
  return (
    <div className="scroll sample-table" tabIndex={0}>
      <table className="tbl top0" aria-label="Settings against outcome">
        <thead>
          <tr>
            <th scope="col">Run</th>
            {columns.map((column) => (
              <th key={column} scope="col" className="num">
                {column.slice(2)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {runs.slice(0, tableRowsMax).map((run) => (
            <tr key={run.id}>
              <td>
                <Link to={to.run(run.id)} dir="auto">
                  {run.name}
                </Link>
              </td>
              {columns.map((column) => {
                const value = axisValue(run, column);
                return (
                  <td key={column} className={value === undefined ? 'num t3' : 'num'}>
                    {typeof value === 'number' ? metricText(value) : (value ?? 'not set')}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {runs.length > tableRowsMax && (
        <p className="t3 xs">The first {count(tableRowsMax)}; filter the list by the brushes to have all.</p>
      )}
    </div>
  );
}
