/** One policy: what it does in words, what it did and why, and what it would have done on the events of the past. */
import type { Policy, PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useParams } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { useView } from '../../frame/view.tsx';
import { duration, fullInstant, instant, plural } from '../../words.ts';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { whoMayWords } from '../approvals/words.ts';
import { DryRun } from './dry-run.tsx';
import { Firings } from './firings.tsx';
import { actionWords, conditionWords, eventPhrase, limitWords, specWords } from './policy-words.ts';
import './policies.css';

export function Page(): ReactElement {
  const { policy: name = '' } = useParams();
  const params = { policy: name };
  const policy = useAsk('policies.get', { params });
  const query = { limit: 50 };
  useView(`slipway policy firings ${name} --limit 50`, 'policies.firings', { params, query });
  return (
    <Loaded query={policy} lines={10}>
      {(data) => <Shown policy={data} />}
    </Loaded>
  );
}

function Shown({ policy }: { policy: Policy }): ReactElement {
  const firings = useAskPages('policies.firings', { params: { policy: policy.name }, query: { limit: 50 } });
  const rows = rowsOf(firings);
  const waiting = rows?.filter((f) => f.state === 'waiting').length ?? 0;
  return (
    <>
      <PageHead
        title={policy.name}
        badges={
          <>
            {policy.retiredAt !== undefined && <StatusBadge state={{ tone: 'idle', word: 'Retired' }} />}
            {waiting > 0 && <StatusBadge state={{ tone: 'wait', word: `${waiting} to approve` }} />}
          </>
        }
        sentence={rows === undefined ? undefined : sentenceOf(rows)}
      />
      <Grid>
        <div className="col policy-wide">
          <Panel title="What it does" caption={`declared in ${policy.project}`}>
            <p className="policy-said">{specWords(policy.spec)}</p>
            <p className="t2">{limitWords(policy.spec)}</p>
          </Panel>
          <Panel title="Firings" caption="what it did and what it held back, newest first" flush>
            <LoadedPages query={firings}>
              {(items, more) =>
                items.length === 0 ? (
                  <EmptyState title="It has not fired yet" command={`slipway policy dry-run ${policy.name}`}>
                    It waits until {eventPhrase(policy.spec.when)}. Below is what it would have done so far.
                  </EmptyState>
                ) : (
                  <Firings firings={items} more={more} />
                )
              }
            </LoadedPages>
          </Panel>
          <DryRun policy={policy.name} fired={rows ?? []} />
        </div>
        <Spec policy={policy} />
      </Grid>
    </>
  );
}

function sentenceOf(rows: readonly PolicyFiring[]): string {
  const [last] = rows;
  if (last === undefined) return 'It has not fired yet.';
  const of = (state: PolicyFiring['state']): number => rows.filter((f) => f.state === state).length;
  const others = [
    ...(of('waiting') > 0 ? [`${of('waiting')} ${of('waiting') === 1 ? 'waits' : 'wait'} for approval`] : []),
    ...(of('failed') > 0 ? [`${of('failed')} failed`] : []),
    ...(of('skipped') > 0 ? [`${of('skipped')} held back`] : []),
    ...(of('rejected') > 0 ? [`${of('rejected')} rejected`] : []),
  ];
  const times = rows.length === 1 ? 'once' : plural(rows.length, 'time');
  return `Fired ${times}, last ${instant(last.createdAt)}${others.length === 0 ? '' : `: ${others.join(', ')}`}.`;
}

function approvalWords({ approval }: Policy['spec']): string {
  if (approval === false) return 'not asked for';
  if (approval === true) return 'asked for';
  return `asked for: ${whoMayWords(approval)}, within ${duration(approval.lapsesAfter)}`;
}

function Spec({ policy }: { policy: Policy }): ReactElement {
  const { spec } = policy;
  const where = Object.entries(spec.where);
  return (
    <Panel title="Declaration" span={4}>
      <Pairs
        pairs={[
          { name: 'When', value: <code>{spec.when}</code> },
          {
            name: 'Where',
            value:
              where.length === 0
                ? 'any of them'
                : where.map(([path, condition]) => <div key={path}>{conditionWords(path, condition)}</div>),
          },
          { name: 'Do', value: actionWords(spec.do) },
          { name: 'Pause', value: spec.cooldown === 0 ? 'none' : `${duration(spec.cooldown)} of event time` },
          { name: 'A day', value: `at most ${spec.maxPerDay}` },
          { name: 'Approval', value: approvalWords(spec) },
          { name: 'Since', value: <time title={fullInstant(policy.createdAt)}>{instant(policy.createdAt)}</time> },
        ]}
      />
    </Panel>
  );
}
