/** The chosen column of a window: then and now in the same bins, and the figures that its verdict came from. */
import type { ColumnDriftRow, DriftFigure, MonitorWindow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { percent } from '../../words.ts';
import { PairPicture, PairTable } from './distribution-pair.tsx';
import { driftReason } from './window-words.ts';

interface ColumnPanelProps {
  readonly window: MonitorWindow;
  readonly name: string;
  readonly figure: DriftFigure | undefined;
}

export function ColumnPanel({ window, name, figure }: ColumnPanelProps): ReactElement | null {
  const [isTable, setTable] = useState(false);
  const row = window.scoreDrift?.name === name ? window.scoreDrift : window.drift.find((d) => d.name === name);
  if (row === undefined) return null;
  return (
    <Panel
      title={<bdi>{name === '(score)' ? 'The score itself' : name}</bdi>}
      caption={driftReason(row)}
      actions={
        <>
          <StatusBadge plain state={row.status} />
          {figure !== undefined && (
            <button type="button" className="btn sm ghost" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
              {isTable ? 'As bars' : 'As table'}
            </button>
          )}
        </>
      }
    >
      {figure === undefined ? (
        <EmptyState title="Its distribution is not kept">
          Windows judged before distributions were kept have figures alone; the next window has both.
        </EmptyState>
      ) : isTable ? (
        <div className="scroll pair-scroll" tabIndex={0}>
          <PairTable figure={figure} />
        </div>
      ) : (
        <Large figure={figure} row={row} />
      )}
    </Panel>
  );
}

function Large({ figure, row }: { figure: DriftFigure; row: ColumnDriftRow }): ReactElement {
  return (
    <figure className="pair-large">
      <PairPicture figure={figure} width={640} height={150} />
      {figure.kind === 'number' && <Axis figure={figure} />}
      <figcaption className="lg">
        <span>
          <i className="bx pair-then" />
          then, training
        </span>
        <span>
          <i className="bx pair-now" />
          now, this window
        </span>
        <span className="t3">
          {figure.kind === 'text' ? 'the 20 most frequent of training; ' : ''}
          {aside(row)}
        </span>
      </figcaption>
      {row.newValues !== undefined && row.newValues.length > 0 && (
        <p className="sm">
          Training never had{' '}
          {row.newValues.map(({ value, count: n }, i) => (
            <span key={value}>
              {i > 0 && ', '}
              <code className="pair-new">
                <bdi>{value}</bdi>
              </code>{' '}
              <span className="t3">{n}×</span>
            </span>
          ))}
          {typeof row.newShare === 'number' && `: ${percent(row.newShare, 1)} of the rows`}.
        </p>
      )}
    </figure>
  );
}

function Axis({ figure }: { figure: Extract<DriftFigure, { kind: 'number' }> }): ReactElement {
  const { edges } = figure;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((at) => edges[Math.round(at * (edges.length - 1))] ?? 0);
  return (
    <div className="pair-axis t3 xs" aria-hidden="true">
      {ticks.map((tick, i) => (
        <span key={i}>{Number(tick.toPrecision(3)).toLocaleString('en-US')}</span>
      ))}
    </div>
  );
}

function aside({ psi, threshold, ks, wassersteinPerSd, step, newShare }: ColumnDriftRow): string {
  const parts = [`PSI ${psi.toFixed(3)}, usual up to ${threshold.toFixed(3)}`];
  if (ks !== null) parts.push(`KS ${ks.toFixed(3)}`);
  if (wassersteinPerSd !== null) parts.push(`W1 ${wassersteinPerSd.toFixed(2)} deviations`);
  if (step !== null) parts.push(`step ${step.toFixed(3)}`);
  if (newShare === null) parts.push('too many values in training to tell new ones');
  return parts.join('; ');
}
