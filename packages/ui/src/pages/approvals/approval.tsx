/** One request by its address: what a link in a chat leads to. */
import type { Approval } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant } from '../../words.ts';
import { GateTable } from '../models/gate-table.tsx';
import '../models/models.css';
import { ApprovalBox } from './box.tsx';
import { titleOf, wishWords } from './words.ts';

export function Page(): ReactElement {
  const { approval: id = '' } = useParams();
  const params = { approval: id };
  const approval = useAsk('approvals.get', { params });
  useView(`slipway approval show ${id}`, 'approvals.get', { params });
  return (
    <Loaded query={approval} lines={8}>
      {(found) => <Shown approval={found} />}
    </Loaded>
  );
}

function Shown({ approval }: { approval: Approval }): ReactElement {
  return (
    <>
      <PageHead
        title={titleOf(approval)}
        badges={<StatusBadge state={approval.state} />}
        sentence={sentenceOf(approval)}
        actions={
          approval.kind === 'alias' ? (
            <Link className="btn" to={to.version(approval.model, approval.version)}>
              The version
            </Link>
          ) : (
            <Link className="btn" to={to.policy(approval.policy)}>
              The policy
            </Link>
          )
        }
      />
      <Grid>
        <ApprovalBox approval={approval} isOwnPage />
        {approval.kind === 'alias' && (
          <Panel title="Gate" caption="what was measured before it was asked" flush>
            {approval.gate === undefined ? (
              <EmptyState title="No gate was judged for this version">Its figures are unknown here.</EmptyState>
            ) : (
              <GatePart gate={approval.gate} />
            )}
          </Panel>
        )}
      </Grid>
    </>
  );
}

function GatePart({ gate }: { gate: NonNullable<Extract<Approval, { kind: 'alias' }>['gate']> }): ReactElement {
  const judged = useAsk('gates.get', { params: { gate: gate.id } });
  return <GateTable checks={gate.checks} evidence={judged.data?.evidence} />;
}

function sentenceOf(approval: Approval): ReactElement {
  const wish = wishWords(approval);
  const { state, askedBy, decidedBy, decidedAt, lapsesAt } = approval;
  if (state === 'waiting')
    return (
      <>
        {askedBy} wants to {wish}; nothing happens until somebody approves, and nothing at all after{' '}
        <time title={fullInstant(lapsesAt)}>{instant(lapsesAt)}</time>.
      </>
    );
  if (state === 'lapsed') return <>Nobody decided in time whether to {wish}.</>;
  return (
    <>
      {decidedWords[state]} {wish}
      {decidedBy === undefined ? '' : `, by ${decidedBy}`}
      {decidedAt === undefined ? '' : ` ${instant(decidedAt)}`}.
    </>
  );
}

const decidedWords = {
  approved: 'It was approved to',
  rejected: 'It was refused to',
  withdrawn: 'It is not asked for any more to',
} as const;
