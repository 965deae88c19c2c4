/** The decision that followed an alert: every firing of a policy that one of its events caused. */
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import { FiringResult } from '../policies/firing-result.tsx';
import '../monitors/monitor.css';

export function Followed({ alert }: { alert: string }): ReactElement {
  const firings = useAsk('policies.decisions', { query: { subject: alert } });
  return (
    <Panel title="What followed" caption="what policies did because of it" flush>
      <Loaded query={firings} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="No policy did anything about it">
              A policy in slipway.yaml can act when an alert fires: when: alert.fired.
            </EmptyState>
          ) : (
            <ol className="decided">
              {items.map((f) => (
                <li key={f.id} className={f.state}>
                  <Link to={to.policy(f.policy)}>{f.policy}</Link> <b className="m">{statusOf(f.state).word}</b>{' '}
                  <time className="t3" title={fullInstant(f.createdAt)}>
                    {instant(f.createdAt)}
                  </time>{' '}
                  <Link to={to.ledgerEvent(f.causeSeq)}>cause #{f.causeSeq}</Link>
                  <br />
                  <span className="t2">
                    <bdi>{f.problem ?? f.reason}</bdi>
                  </span>{' '}
                  <FiringResult firing={f} />
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  );
}
