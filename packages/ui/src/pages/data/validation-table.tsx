import type { ValidationSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { DataTable } from '../../components/data-table.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant, short } from '../../words.ts';
import { checkStatus } from './facts.ts';
import { Origin } from './origin.tsx';

interface ValidationTableProps {
  readonly rows: readonly ValidationSummary[];
  readonly more?: { readonly isLoading: boolean; readonly load: () => void } | undefined;
}

export function ValidationTable({ rows, more }: ValidationTableProps): ReactElement {
  return (
    <DataTable
      label="Validations"
      rows={rows}
      rowKey={(v) => v.id}
      href={(v) => to.validation(v.id)}
      more={more}
      columns={[
        {
          key: 'id',
          head: 'Validation',
          cell: (v) => (
            <Link className="mono" to={to.validation(v.id)} title={v.id}>
              {short(v.id)}
            </Link>
          ),
        },
        { key: 'result', head: 'Result', cell: (v) => <StatusBadge plain state={checkStatus(v)} /> },
        {
          key: 'of',
          head: 'Of',
          cell: (v) => (
            <span className="row">
              {v.datasetVersions.map((d) => (
                <Link key={d.table} to={to.dataset(d.dataset, d.version)}>
                  {d.dataset}@{d.version}
                </Link>
              ))}
            </span>
          ),
        },
        { key: 'suite', head: 'Suite', isExtra: true, cell: (v) => v.suite },
        { key: 'by', head: 'By', isExtra: true, cell: (v) => <Origin createdBy={v.createdBy} /> },
        { key: 'took', head: 'Took', isNumber: true, isExtra: true, cell: (v) => duration(v.elapsedMs) },
        {
          key: 'at',
          head: 'At',
          isNumber: true,
          cell: (v) => <time title={fullInstant(v.createdAt)}>{instant(v.createdAt)}</time>,
        },
      ]}
    />
  );
}
