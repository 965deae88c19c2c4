/** What the policies that listen to a monitor did about it. */
import type { Policy } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import { FiringResult } from '../policies/firing-result.tsx';
import { specWords } from '../policies/policy-words.ts';

const firingsShown = 5;
const kinds: readonly string[] = ['alert.fired', 'alert.resolved', 'monitor.window-judged'];

function listens({ spec, retiredAt }: Policy, monitor: string): boolean {
  const where = spec.where['monitor'];
  const fits = where === undefined || where === monitor || (Array.isArray(where) && where.includes(monitor));
  return retiredAt === undefined && kinds.includes(spec.when) && fits;
}

export function Decided({ monitor }: { monitor: string }): ReactElement {
  const policies = useAsk('policies.list', { query: { limit: 100 } });
  return (
    <Loaded query={policies} lines={3}>
      {({ items }) => {
        const listening = items.filter((p) => listens(p, monitor));
        return listening.length === 0 ? (
          <Panel title="What the policies decided" flush>
            <EmptyState title="No policy listens to this monitor">
              A policy in slipway.yaml can retrain when an alert fires: when: alert.fired.
            </EmptyState>
          </Panel>
        ) : (
          <>
            {listening.map((p) => (
              <OnePolicy key={p.name} policy={p} />
            ))}
          </>
        );
      }}
    </Loaded>
  );
}

function OnePolicy({ policy }: { policy: Policy }): ReactElement {
  const firings = useAsk('policies.firings', { params: { policy: policy.name }, query: { limit: firingsShown } });
  return (
    <Panel title="What the policy decided" actions={<Link to={to.policy(policy.name)}>{policy.name}</Link>} flush>
      <Loaded query={firings} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="It has not fired yet">{specWords(policy.spec)}</EmptyState>
          ) : (
            <ol className="decided">
              {items.map((f) => (
                <li key={f.id} className={f.state}>
                  <b className="m">{statusOf(f.state).word}</b>{' '}
                  <time className="t3" title={fullInstant(f.createdAt)}>
                    {instant(f.createdAt)}
                  </time>{' '}
                  <Link to={to.ledgerEvent(f.causeSeq)}>cause #{f.causeSeq}</Link>
                  <br />
                  <span className="t2">{f.problem ?? f.reason}</span>; <FiringResult firing={f} />
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  );
}
