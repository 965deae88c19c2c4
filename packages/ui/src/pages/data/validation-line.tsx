import type { DatasetReaders } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { instant } from '../../words.ts';
import { checkStatus } from './facts.ts';

/** One validation of a dataset version in a list of them. */
export function ValidationLine({ check }: { check: DatasetReaders['validations'][number] }): ReactElement {
  return (
    <li className="dt-line">
      <StatusBadge plain state={checkStatus(check)} />
      <span className="el">
        <Link to={to.validation(check.id)}>suite {check.suite}</Link>
      </span>
      <span className="t3 nw">{instant(check.createdAt)}</span>
    </li>
  );
}
