/** What differs between this version and another: rows, bytes, files, columns, and what moved in the values. */
import type { DatasetDiff, DatasetProfile, DatasetVersionSummary } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Pairs, Panel } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { bytes, count, instant, plural } from '../../words.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { movedMost, signedCount } from './facts.ts';

interface DiffProps {
  readonly dataset: string;
  readonly current: number;
  readonly versions: readonly DatasetVersionSummary[];
  readonly against: string | undefined;
  /** With the other version in it, once it is here. */
  readonly profile: DatasetProfile | undefined;
  readonly view: ViewState;
}

export function DiffPanel(props: DiffProps): ReactElement {
  const { current, versions, against, view } = props;
  const others = versions.filter((v) => v.number !== current);
  return (
    <Panel
      title="Diff"
      caption={against === undefined ? `of v${current} with another version` : `v${against} to v${current}`}
      flush={against !== undefined}
      actions={
        <select
          className="input dt-against"
          aria-label="Compare with"
          value={against ?? ''}
          onChange={(event) => view.set({ against: event.target.value === '' ? undefined : event.target.value })}
        >
          <option value="">Compare with</option>
          {others.map((v) => (
            <option key={v.number} value={v.number}>
              v{v.number}, {instant(v.createdAt)}
            </option>
          ))}
        </select>
      }
    >
      {against === undefined ? (
        <p className="t3 sm">
          {others.length === 0
            ? 'There is no other version yet.'
            : 'Choose a version: its files, rows and columns are set beside these, and its values lie behind the bars of the profile.'}
        </p>
      ) : (
        <Differences {...props} against={against} />
      )}
    </Panel>
  );
}

function Differences({ dataset, current, against, profile }: DiffProps & { against: string }): ReactElement {
  const diff = useAsk('datasets.diff', { params: { dataset }, query: { from: against, to: String(current) } });
  const moved = profile?.against === undefined ? undefined : movedMost(profile);
  return (
    <Loaded query={diff}>
      {(d) => (
        <div className="padded">
          <Pairs
            pairs={[
              { name: 'Rows', value: <Change from={d.rowCountFrom} to={d.rowCountTo} /> },
              { name: 'Bytes', value: `${bytes(d.sizeBytesFrom)} to ${bytes(d.sizeBytesTo)}` },
              { name: 'Files', value: <Files diff={d} /> },
              { name: 'Schema', value: <Columns diff={d} /> },
              {
                name: 'Moved most',
                value:
                  moved === undefined ? (
                    <span className="t3">profiles are being read</span>
                  ) : moved.length === 0 ? (
                    'no column: every PSI is below 0.01'
                  ) : (
                    <ul>
                      {moved.map((m) => (
                        <li key={`${m.name}${m.words}`}>
                          <code>
                            <bdi>{m.name}</bdi>
                          </code>{' '}
                          PSI {m.psi.toFixed(3)}
                          {m.words !== '' && <span className="t3">, {m.words}</span>}
                        </li>
                      ))}
                    </ul>
                  ),
              },
            ]}
          />
        </div>
      )}
    </Loaded>
  );
}

function Change({ from, to }: { from: number; to: number }): ReactElement {
  const by = to - from;
  return (
    <>
      {count(from)} to {count(to)}{' '}
      <b className={by < 0 ? 'bad m' : 'ok m'}>{by === 0 ? 'the same' : signedCount(by)}</b>
    </>
  );
}

const tones = { added: 'ok', removed: 'bad', changed: 'warn', type: 'warn', nullable: 'warn' } as const;

function Files({ diff }: { diff: DatasetDiff }): ReactNode {
  if (diff.files.length === 0) return 'the same';
  return (
    <ul>
      {diff.files.map((f) => (
        <li key={f.name}>
          <span className={tones[f.change]}>{f.change}</span> <code>{f.name}</code>{' '}
          <span className="t3">
            {f.rowCountFrom !== null && f.rowCountTo !== null
              ? `${count(f.rowCountFrom)} to ${plural(f.rowCountTo, 'row')}`
              : plural(f.rowCountTo ?? f.rowCountFrom ?? 0, 'row')}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Columns({ diff }: { diff: DatasetDiff }): ReactNode {
  if (diff.columns.length === 0) return 'the same';
  return (
    <ul>
      {diff.columns.map((c) => (
        <li key={`${c.name}${c.change}`}>
          <span className={tones[c.change]}>{c.change}</span> <code>{c.name}</code>{' '}
          <span className="t3">{[c.from, c.to].filter((t) => t !== null).join(' to ')}</span>
        </li>
      ))}
    </ul>
  );
}
