/** Every judged window as a row; choosing one shows its drift. */
import type { MonitorWindow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { DataTable } from '../../components/data-table.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { count, decimals, fullInstant, percent, signed } from '../../words.ts';
import { levelOf, mainFigure, mainText } from './quality.ts';
import { windowName } from './window-words.ts';

interface WindowTableProps {
  readonly windows: readonly MonitorWindow[];
  readonly zone: string;
  readonly chosen: string;
  readonly href: (window: MonitorWindow) => string;
}

export function WindowTable({ windows, zone, chosen, href }: WindowTableProps): ReactElement {
  const mainHead = windows.map(mainFigure).find((figure) => figure !== undefined)?.name ?? 'AUC';
  return (
    <DataTable
      label="Windows"
      rows={windows}
      rowKey={(w) => w.id}
      href={href}
      selected={chosen}
      columns={[
        {
          key: 'window',
          head: 'Window',
          cell: (w) => (
            <Link to={href(w)} title={`${fullInstant(w.from)} to ${fullInstant(w.to)}`}>
              {windowName(w, zone)}
            </Link>
          ),
        },
        { key: 'verdict', head: 'Verdict', cell: (w) => <StatusBadge plain state={w.verdict} /> },
        { key: 'version', head: 'By', cell: (w) => `v${w.version}` },
        { key: 'count', head: 'Predictions', isNumber: true, cell: (w) => count(w.count) },
        { key: 'labels', head: 'Labels in', isNumber: true, cell: (w) => percent(w.coverage) },
        { key: 'gap', head: 'Gap', isNumber: true, cell: (w) => <b>{signed(levelOf(w)?.gap)}</b> },
        { key: 'z', head: 'z', isNumber: true, isExtra: true, cell: (w) => signed(levelOf(w)?.z, 1) },
        { key: 'auc', head: mainHead, isNumber: true, cell: (w) => mainText(w) },
        { key: 'loss', head: 'Log loss', isNumber: true, isExtra: true, cell: (w) => decimals(w.logLoss?.value) },
        {
          key: 'drift',
          head: 'Drifted',
          isNumber: true,
          cell: (w) => `${w.drift.filter((d) => d.status === 'drift').length} of ${w.drift.length}`,
        },
      ]}
    />
  );
}
