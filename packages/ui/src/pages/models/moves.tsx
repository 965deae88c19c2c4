/** Which version each alias named, over time: from the ledger, so it says also who moved it and why. */
import type { LedgerRow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { AliasBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import type { AliasMove, AliasSpan } from './alias-spans.ts';
import { moveOf, spansOf } from './alias-spans.ts';

/** Moves that are looked back on. */
const movesRead = 100;

export function Moves({ model }: { model: string }): ReactElement {
  const moved = useAsk('ledger.list', { query: { kind: 'alias', subject: `model:${model}`, limit: movesRead } });
  return (
    <Panel title="Aliases over time" caption="which version each one named, from the ledger" flush>
      <Loaded query={moved}>{({ items }) => <Shown rows={items} />}</Loaded>
    </Panel>
  );
}

function Shown({ rows }: { rows: readonly LedgerRow[] }): ReactElement {
  const moves = rows.flatMap((row) => moveOf(row) ?? []);
  if (moves.length === 0)
    return (
      <EmptyState title="No alias was ever moved">
        An alias names the version that is in use; each move is kept.
      </EmptyState>
    );
  return (
    <>
      <Timeline spans={spansOf(moves, Date.now())} />
      <DataTable
        label="Moves"
        rows={moves}
        rowKey={(move) => String(move.seq)}
        columns={[
          { key: 'at', head: 'When', cell: whenCell, value: (move) => move.at },
          {
            key: 'alias',
            head: 'Alias',
            cell: (move) => <AliasBadge alias={move.alias} />,
            value: (move) => move.alias,
          },
          { key: 'move', head: 'Move', cell: (move) => moveCell(move), value: (move) => move.version },
          { key: 'by', head: 'By', cell: (move) => move.actor },
          { key: 'why', head: 'Why', cell: whyCell, value: (move) => move.reason },
        ]}
      />
    </>
  );
}

const whenCell = ({ seq, at }: AliasMove): ReactElement => (
  <Link to={to.ledgerEvent(seq)}>
    <time title={fullInstant(at)}>{instant(at)}</time>
  </Link>
);

const moveCell = ({ model, previous, version }: AliasMove): ReactElement => (
  <span className="amid">
    {previous === undefined ? 'nothing' : `v${previous}`} →{' '}
    {version === undefined ? 'nothing' : <Link to={to.version(model, version)}>v{version}</Link>}
  </span>
);

const whyCell = ({ reason, approval }: AliasMove): ReactElement => (
  <span className="wrap-cell amid">
    {reason ?? <span className="t3">not said</span>}
    {approval !== undefined && (
      <>
        {' '}
        (<Link to={to.approval(approval)}>approved</Link>)
      </>
    )}
  </span>
);

const laneHeight = 26;
const labelWidth = 96;

/** One lane an alias; its list form is the table below. Widths are shares, so that it fits any page. */
function Timeline({ spans }: { spans: readonly AliasSpan[] }): ReactElement {
  const aliases = [...new Set(spans.map((span) => span.alias))];
  const start = Math.min(...spans.map((span) => span.from));
  const end = Math.max(...spans.map((span) => span.to));
  const share = (at: number): number => ((at - start) / Math.max(1, end - start)) * 100;
  return (
    <div className="padded moves-lanes" aria-hidden="true">
      {aliases.map((alias) => (
        <div key={alias} className="moves-lane" style={{ height: laneHeight }}>
          <span className="sm el" style={{ width: labelWidth }} title={alias}>
            {alias}
          </span>
          <div className="moves-track">
            {spans
              .filter((span) => span.alias === alias)
              .map((span) => (
                <span
                  key={span.from}
                  className={`moves-span ${alias === 'champion' ? 'ch' : alias === 'challenger' ? 'cl' : ''}`}
                  style={{
                    left: `${share(span.from)}%`,
                    width: `${Math.max(0.4, share(span.to) - share(span.from))}%`,
                  }}
                  title={`v${span.version}, ${fullInstant(span.from)} to ${fullInstant(span.to)}`}
                >
                  v{span.version}
                </span>
              ))}
          </div>
        </div>
      ))}
      <div className="row between xs t3 moves-ends">
        <span>{instant(start)}</span>
        <span>now</span>
      </div>
    </div>
  );
}
