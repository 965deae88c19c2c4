/** Runs of pipelines, newest first. */
import type { PipelineRun } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { DataTable } from '../../components/data-table.tsx';
import type { More } from '../../components/loaded-pages.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant, short } from '../../words.ts';
import { elapsedOf, firstLine, isRunOver } from './facts.ts';

interface RunTableProps {
  readonly runs: readonly PipelineRun[];
  readonly now: number;
  readonly isOfOne?: boolean;
  readonly more?: More | undefined;
}

export function RunTable({ runs, now, isOfOne = false, more }: RunTableProps): ReactElement {
  return (
    <DataTable
      label="Pipeline runs"
      rows={runs}
      rowKey={(r) => r.id}
      href={(r) => to.pipelineRun(r.id)}
      more={more}
      columns={[
        {
          key: 'run',
          head: 'Run',
          cell: (r) => (
            <Link className="mono" to={to.pipelineRun(r.id)} title={r.id}>
              {short(r.id)}
            </Link>
          ),
        },
        ...(isOfOne
          ? []
          : [
              {
                key: 'pipeline',
                head: 'Pipeline',
                cell: (r: PipelineRun) => <Link to={to.pipeline(r.pipeline)}>{r.pipeline}</Link>,
              },
            ]),
        { key: 'state', head: 'State', cell: (r) => <StatusBadge plain state={r.state} /> },
        { key: 'why', head: 'Why', cell: (r) => <Why run={r} /> },
        {
          key: 'data',
          head: 'Data',
          isExtra: true,
          cell: (r) => (
            <span className="row">
              {r.datasets.map((d) => (
                <Link key={d.ref} to={to.dataset(d.dataset, d.number)}>
                  {d.dataset}@{d.number}
                </Link>
              ))}
            </span>
          ),
        },
        { key: 'by', head: 'Started by', isExtra: true, cell: (r) => <span className="t2">{r.startedBy}</span> },
        {
          key: 'at',
          head: 'Started',
          isNumber: true,
          cell: (r) => <time title={fullInstant(r.startedAt)}>{instant(r.startedAt)}</time>,
        },
        {
          key: 'took',
          head: 'Took',
          isNumber: true,
          cell: (r) => <span className={isRunOver(r) ? '' : 'run'}>{duration(elapsedOf(r, now))}</span>,
        },
      ]}
    />
  );
}

/** The reason that was given, or why it failed. */
function Why({ run }: { run: PipelineRun }): ReactElement {
  const failed = run.state === 'failed' && run.problem !== undefined ? firstLine(run.problem) : undefined;
  const text = failed ?? run.reason;
  if (text === undefined) return <span className="t3">not said</span>;
  return (
    <span className={`pl-clip ${failed === undefined ? 't2' : 'bad'}`} title={text}>
      {text}
    </span>
  );
}
