/** What waits for somebody, each with what to do about it. */
import type { Alert, Approval, Loop } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import { Acknowledge } from '../alerts/acknowledge.tsx';

export function Attention({ alerts, refused, approvals }: Loop['attention']): ReactElement {
  const waiting = alerts.length + refused.length + approvals.length;
  return (
    <Panel
      title="Needs attention"
      caption={waiting === 0 ? undefined : waiting}
      span={5}
      flush
      actions={
        <>
          <Link to={to.approvals}>All approvals</Link> <Link to={to.alerts}>All alerts</Link>
        </>
      }
    >
      {waiting === 0 ? (
        <EmptyState title="Nothing waits for you">Approvals, alerts and refused data appear here.</EmptyState>
      ) : (
        <ul>
          {approvals.map((approval, i) => (
            <ApprovalRow key={approval.id} approval={approval} isFirst={i === 0} />
          ))}
          {alerts.map((alert) => (
            <AlertRow key={alert.id} alert={alert} />
          ))}
          {refused.map((v) => (
            <Todo
              key={v.id}
              icon="bad"
              tone="bad"
              title={`${v.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(', ')} refused`}
              at={v.createdAt}
              action={
                <Link className="btn sm" to={to.validation(v.id)}>
                  See rows
                </Link>
              }
            >
              {v.failed} of {v.evaluated} expectations failed.
            </Todo>
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface TodoProps {
  readonly icon: IconName;
  readonly tone: 'bad' | 'warn' | 'wait';
  readonly title: ReactNode;
  readonly at: number;
  readonly action: ReactElement;
  readonly children: ReactNode;
}

function Todo({ icon, tone, title, at, action, children }: TodoProps): ReactElement {
  return (
    <li className="todo">
      <span className={tone}>
        <Icon name={icon} />
      </span>
      <div>
        <p className="m">
          {title}{' '}
          <time className="t3 sm" title={fullInstant(at)}>
            {instant(at)}
          </time>
        </p>
        <p className="say">{children}</p>
      </div>
      {action}
    </li>
  );
}

/** The first one is the page's primary action. */
function ApprovalRow({ approval, isFirst }: { approval: Approval; isFirst: boolean }): ReactElement {
  return (
    <Todo
      icon="hold"
      tone="wait"
      title={
        approval.kind === 'alias'
          ? `${approval.model}@${approval.alias} to v${approval.version}`
          : `Policy ${approval.policy}`
      }
      at={approval.askedAt}
      action={
        <Link className={isFirst ? 'btn sm pri' : 'btn sm'} to={to.approval(approval.id)}>
          Review
        </Link>
      }
    >
      Asked by {approval.askedBy}; a {approval.role} decides before {instant(approval.lapsesAt)}.
    </Todo>
  );
}

function AlertRow({ alert }: { alert: Alert }): ReactElement {
  return (
    <Todo
      icon="warn"
      tone={alert.severity === 'alert' ? 'bad' : 'warn'}
      title={
        <Link to={to.alert(alert.id)}>
          {alert.severity === 'alert' ? 'Alert' : 'Warning'} of {alert.monitor}
        </Link>
      }
      at={alert.at}
      action={<Acknowledge alert={alert} />}
    >
      <span title={alert.sentence}>{alert.sentence}</span>
    </Todo>
  );
}
