/** The online state: where it stands in event time, what it was filled from, and how much of each source it holds. */
import type { FeatureSet } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { count } from '../../words.ts';
import { eventInstant, servicesThatHave, stateStatus } from './facts.ts';

export function StatePanel({ set }: { set: FeatureSet }): ReactElement {
  const { state, name } = set;
  const { backfill, nowAt, problem } = state;
  return (
    <Panel
      title="Online state"
      caption="what reads are answered from"
      flush
      actions={<StatusBadge state={stateStatus[state.status]} />}
    >
      {problem !== undefined && (
        <div className="padded">
          <div className="note bad">
            <Icon name="bad" />
            {problem}
          </div>
        </div>
      )}
      {state.status === 'empty' ? (
        <EmptyState title="Nothing is in it yet" command={`slipway feature backfill ${name} --until INSTANT`}>
          A backfill fills it from dataset versions; pushes keep it going from there.
        </EmptyState>
      ) : (
        <>
          <div className="padded ft-state">
            <Pairs
              pairs={[
                {
                  name: 'stands at',
                  value: nowAt === undefined ? <span className="t3">not set</span> : `${eventInstant(nowAt)} UTC`,
                },
                ...(backfill === undefined
                  ? []
                  : [
                      { name: 'filled until', value: `${eventInstant(backfill.until)} UTC` },
                      { name: 'filled from', value: <Tables tables={backfill.tables} /> },
                    ]),
              ]}
            />
          </div>
          <Sources set={set} />
        </>
      )}
    </Panel>
  );
}

function Tables({ tables }: { tables: Readonly<Record<string, string>> }): ReactElement {
  return (
    <span className="row wrap">
      {Object.values(tables).map((ref) => {
        const [dataset = ref, version = 'latest'] = ref.split('@');
        return (
          <Link key={ref} to={to.dataset(dataset, version)}>
            {ref}
          </Link>
        );
      })}
    </span>
  );
}

function Sources({ set }: { set: FeatureSet }): ReactElement {
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl" aria-label="Sources">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Table</th>
            <th scope="col" className="num">
              Rows
            </th>
            <th scope="col" className="num">
              Keys
            </th>
            <th scope="col" className="num">
              Late
            </th>
            <th scope="col" className="num">
              Overflows
            </th>
          </tr>
        </thead>
        <tbody>
          {set.sources.map(({ name, table }) => {
            const held = set.state.sources[name];
            const readers = servicesThatHave(set.services, name);
            return (
              <tr key={name}>
                <td
                  className="m"
                  title={readers.length === 0 ? 'no service reads it' : `read by ${readers.join(', ')}`}
                >
                  {name}
                </td>
                <td className="t2">{table}</td>
                <td className="num">{held === undefined ? 'not set' : count(held.rows)}</td>
                <td className="num">{held === undefined ? '' : count(held.keys)}</td>
                <td className={`num ${(held?.lateRows ?? 0) > 0 ? 'warn m' : 't3'}`}>{count(held?.lateRows ?? 0)}</td>
                <td className={`num ${(held?.overflows ?? 0) > 0 ? 'bad m' : 't3'}`}>{count(held?.overflows ?? 0)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
