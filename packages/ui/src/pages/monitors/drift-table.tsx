/** Every column of one window against the training data, the furthest beyond its own limit first. */
import type { ColumnDriftRow, DriftFigure, MonitorWindow } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { percent, plural } from '../../words.ts';
import { PairPicture } from './distribution-pair.tsx';
import { rankByWeight } from './drift-rank.ts';
import type { Weighing } from './use-importance.ts';
import { driftAside, driftReason } from './window-words.ts';

const shownFirst = 12;
/** The fixed line that much software uses, for comparison only. */
const fixedLine = 0.25;

interface DriftTableProps {
  readonly window: Pick<MonitorWindow, 'scoreDrift' | 'drift' | 'version'>;
  readonly importance: Weighing;
  /** By drift times importance, unless only by drift. */
  readonly isByDrift: boolean;
  /** Undefined while they are on their way, and for windows of before they were kept. */
  readonly figures: readonly DriftFigure[] | undefined;
  readonly chosen: string | undefined;
  readonly href: (column: string) => string;
}

export function DriftTable({ window, importance, isByDrift, figures, chosen, href }: DriftTableProps): ReactElement {
  const [isAll, setAll] = useState(false);
  const { scoreDrift, drift } = window;
  const shares = typeof importance === 'object' ? importance.shares : undefined;
  const ranked = shares === undefined || isByDrift ? drift : rankByWeight(drift, shares);
  const rows = scoreDrift === undefined ? ranked : [scoreDrift, ...ranked];
  if (rows.length === 0) {
    return (
      <EmptyState title="No column was compared">
        The version has no training set in its lineage, so there is nothing to compare with.
      </EmptyState>
    );
  }
  const drifted = drift.filter((d) => d.status === 'drift').length;
  const fixed = drift.filter((d) => d.psi > fixedLine).length;
  return (
    <>
      <DataTable
        label="Drift by column"
        className="with-charts"
        rows={isAll ? rows : rows.slice(0, shownFirst)}
        rowKey={(d) => d.name}
        selected={chosen}
        href={(d) => href(d.name)}
        columns={columnsOf({ figures, shares, isByDrift, href })}
      />
      <div className="tf">
        <span className="drift-said">
          Season: away from training, but no further or no faster than its own weeks were. A fixed line at {fixedLine}{' '}
          would have flagged {plural(fixed, 'column')}; against ordinary weeks of training{' '}
          {drifted === 1 ? '1 is' : `${drifted} are`} real. <Weighed importance={importance} version={window.version} />
        </span>
        {rows.length > shownFirst && (
          <button type="button" className="btn sm ghost" onClick={() => setAll(!isAll)}>
            {isAll ? 'Fewer' : `All ${rows.length}`}
          </button>
        )}
      </div>
    </>
  );
}

const figure = (value: number | null): string => {
  if (value === null) return 'not set';
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 1 ? value.toFixed(2) : value.toFixed(3);
};

function Weighed({ importance, version }: { importance: Weighing; version: number }): ReactNode {
  if (importance === undefined) return null;
  if (importance === 'unknown')
    return `How much each column weighs is not known: the run that made v${version} left no importance.json.`;
  return (
    <>
      Importance is a column&apos;s share of the gain when v{version} was trained, by{' '}
      <Link to={to.run(importance.run)}>its run</Link>.
    </>
  );
}

interface Shown {
  readonly figures: readonly DriftFigure[] | undefined;
  readonly shares: ReadonlyMap<string, number> | undefined;
  readonly isByDrift: boolean;
  readonly href: (column: string) => string;
}

const columnsOf = ({ figures, shares, isByDrift, href }: Shown): readonly Column<ColumnDriftRow>[] => [
  {
    key: 'name',
    head: 'Column',
    cell: (d) => (
      <Link className="drift-name mono" to={href(d.name)} preventScrollReset title={driftReason(d)}>
        <bdi>{d.name === '(score)' ? 'the score itself' : d.name}</bdi>
        <span className="drift-aside">{driftAside(d)}</span>
      </Link>
    ),
    value: (d) => d.name,
  },
  {
    key: 'pair',
    head: 'Then and now',
    cell: (d) => {
      const figure = figures?.find((f) => f.name === d.name);
      return figure === undefined ? (
        <span className="t3">{figures === undefined ? '' : 'not kept'}</span>
      ) : (
        <PairPicture figure={figure} width={92} height={28} />
      );
    },
  },
  {
    key: 'verdict',
    head: 'Verdict',
    cell: (d) => (
      <span title={driftReason(d)}>
        <StatusBadge plain state={d.status} />
      </span>
    ),
  },
  { key: 'psi', head: 'PSI', isNumber: true, cell: (d) => <b>{figure(d.psi)}</b> },
  { key: 'limit', head: 'Usual, up to', isNumber: true, cell: (d) => figure(d.threshold) },
  {
    key: 'bar',
    head: 'Against usual',
    sort: shares === undefined || isByDrift ? 'descending' : undefined,
    cell: (d) => (
      <span className="row">
        <span className={`limit ${d.status}`} aria-hidden="true">
          <i style={{ width: `${Math.min(100, d.ratio * 50)}%` }} />
          <b />
        </span>
        {d.ratio.toFixed(1)}×
      </span>
    ),
  },
  ...(shares === undefined ? [] : [importanceColumn(shares, isByDrift)]),
  {
    key: 'mean',
    head: <span title="then and now">Mean</span>,
    isNumber: true,
    cell: (d) =>
      d.kind === 'text' ? (
        <span className="t3">text</span>
      ) : (
        <>
          <span className="t3">{figure(d.referenceMean)}</span>, {figure(d.mean)}
        </>
      ),
  },
];

const importanceColumn = (shares: ReadonlyMap<string, number>, isByDrift: boolean): Column<ColumnDriftRow> => ({
  key: 'importance',
  head: 'Importance',
  isNumber: true,
  sort: isByDrift ? undefined : 'other',
  cell: (d) => {
    const share = shares.get(d.name);
    return share === undefined ? <span className="t3">not set</span> : percent(share, 1);
  },
  value: (d) => shares.get(d.name),
});
