/** Sending traffic to a version: at once, or stage by stage under the judge. Says who will answer before it is done. */
import { Modal } from '@mantine/core';
import type { Endpoint, ModelVersion } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useId, useState } from 'react';
import { useAsk, useChange } from '../../api/queries.ts';
import { ErrorNote, Loaded } from '../../components/states.tsx';
import { needsOf } from '../rollouts/judge-words.ts';

interface DeployProps {
  readonly endpoint: Endpoint;
  /** The one that the form begins with; the newest that does not answer yet unless said. */
  readonly version?: number;
  /** On the button. On the page of an endpoint it is the primary action. */
  readonly word?: string;
}

export function Deploy({ endpoint, version, word }: DeployProps): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className={word === undefined ? 'btn pri' : 'btn'}
        disabled={endpoint.retiredAt !== undefined}
        onClick={() => setOpen(true)}
      >
        {word ?? 'Deploy a version'}
      </button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={`Deploy to ${endpoint.name}`} centered size="lg">
        {isOpen && <Choice endpoint={endpoint} first={version} close={() => setOpen(false)} />}
      </Modal>
    </>
  );
}

interface ChoiceProps {
  readonly endpoint: Endpoint;
  readonly first: number | undefined;
  readonly close: () => void;
}

function Choice({ endpoint, first, close }: ChoiceProps): ReactElement {
  const { model } = endpoint.spec;
  const versions = useAsk('models.versions', { params: { model }, query: { limit: 50 } });
  return (
    <Loaded query={versions}>
      {({ items }) =>
        items.length === 0 ? (
          <p>
            {model} has no version yet. A run that passes its gate registers one; <code>slipway pipeline run</code>{' '}
            starts it.
          </p>
        ) : (
          <Fields endpoint={endpoint} first={first} close={close} versions={items} />
        )
      }
    </Loaded>
  );
}

function optionOf(version: ModelVersion): string {
  const gate = version.gate === undefined ? 'no gate' : version.gate.passed ? 'gate passed' : 'gate failed';
  return [`v${version.number}`, ...version.aliases, gate].join(', ');
}

interface Wanted {
  readonly version: number;
  readonly percent: number;
  readonly shadow: number | undefined;
}

/** Who answers afterwards; the incumbent stays first, so it stays the champion in every picture. */
function trafficOf(endpoint: Endpoint, { version, percent }: Wanted): { version: number; percent: number }[] {
  const incumbent = endpoint.deployment?.traffic[0]?.version;
  if (incumbent === undefined || incumbent === version || percent >= 100) return [{ version, percent: 100 }];
  return [
    { version: incumbent, percent: 100 - percent },
    { version, percent },
  ];
}

function Fields({
  endpoint,
  first,
  close,
  versions,
}: ChoiceProps & { versions: readonly ModelVersion[] }): ReactElement {
  const incumbent = endpoint.deployment?.traffic[0]?.version;
  const newest = versions.find((v) => v.number !== incumbent) ?? versions[0];
  const [mode, setMode] = useState<'now' | 'judge'>('now');
  const [wanted, setWanted] = useState<Wanted>({
    version: first ?? newest?.number ?? 1,
    percent: 100,
    shadow: undefined,
  });
  const [reason, setReason] = useState('');
  const deploy = useChange('endpoints.deploy');
  const start = useChange('rollouts.start');
  const ids = useId();
  const traffic = trafficOf(endpoint, wanted);
  const params = { endpoint: endpoint.name };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    const done = { onSuccess: close };
    if (mode === 'judge') start.mutate({ params, body: { candidate: wanted.version } }, done);
    else {
      const { shadow } = wanted;
      deploy.mutate({ params, body: { traffic, reason, ...(shadow === undefined ? {} : { shadow }) } }, done);
    }
  };
  const error = mode === 'now' ? deploy.error : start.error;
  return (
    <form className="col" style={{ gap: 'var(--s-5)' }} onSubmit={onSubmit}>
      <div className="seg" role="group" aria-label="How" style={{ width: 'max-content' }}>
        <button type="button" aria-pressed={mode === 'now'} onClick={() => setMode('now')}>
          At once
        </button>
        <button
          type="button"
          aria-pressed={mode === 'judge'}
          disabled={incumbent === undefined}
          onClick={() => setMode('judge')}
        >
          Under the judge
        </button>
      </div>
      <div className="fields">
        <label htmlFor={`${ids}v`}>Version</label>
        <select
          id={`${ids}v`}
          className="input"
          value={wanted.version}
          onChange={(e) => setWanted({ ...wanted, version: Number(e.currentTarget.value) })}
        >
          {versions.map((v) => (
            <option key={v.number} value={v.number} disabled={mode === 'judge' && v.number === incumbent}>
              {optionOf(v)}
              {v.number === incumbent ? ', answers now' : ''}
            </option>
          ))}
        </select>
        {mode === 'now' && (
          <NowFields {...{ ids, wanted, setWanted, versions, reason, setReason }} canSplit={incumbent !== undefined} />
        )}
      </div>
      <Consequence endpoint={endpoint} mode={mode} wanted={wanted} traffic={traffic} />
      {error !== null && <ErrorNote error={error} />}
      <div className="row" style={{ justifyContent: 'flex-end' }}>
        <button type="button" className="btn" onClick={close}>
          Leave it as it is
        </button>
        <button type="submit" className="btn pri" disabled={deploy.isPending || start.isPending}>
          {mode === 'now' ? `Deploy v${wanted.version}` : `Roll v${wanted.version} out`}
        </button>
      </div>
    </form>
  );
}

interface NowFieldsProps {
  readonly ids: string;
  readonly wanted: Wanted;
  readonly setWanted: (wanted: Wanted) => void;
  readonly versions: readonly ModelVersion[];
  readonly canSplit: boolean;
  readonly reason: string;
  readonly setReason: (reason: string) => void;
}

function NowFields({ ids, wanted, setWanted, versions, canSplit, reason, setReason }: NowFieldsProps): ReactElement {
  return (
    <>
      <label htmlFor={`${ids}p`}>Share, %</label>
      <input
        id={`${ids}p`}
        className="input"
        type="number"
        min={0}
        max={100}
        step="any"
        required
        disabled={!canSplit}
        value={wanted.percent}
        onChange={(e) => setWanted({ ...wanted, percent: e.currentTarget.valueAsNumber || 0 })}
      />
      <label htmlFor={`${ids}s`}>In the shadow</label>
      <select
        id={`${ids}s`}
        className="input"
        value={wanted.shadow ?? ''}
        onChange={(e) =>
          setWanted({ ...wanted, shadow: e.currentTarget.value === '' ? undefined : Number(e.currentTarget.value) })
        }
      >
        <option value="">no version</option>
        {versions.map((v) => (
          <option key={v.number} value={v.number}>
            v{v.number}, scores everything and answers nobody
          </option>
        ))}
      </select>
      <label htmlFor={`${ids}r`}>Reason</label>
      <textarea
        id={`${ids}r`}
        className="input"
        maxLength={1000}
        value={reason}
        placeholder="for the ledger"
        onChange={(e) => setReason(e.currentTarget.value)}
      />
    </>
  );
}

interface ConsequenceProps {
  readonly endpoint: Endpoint;
  readonly mode: 'now' | 'judge';
  readonly wanted: Wanted;
  readonly traffic: readonly { version: number; percent: number }[];
}

function Consequence({ endpoint, mode, wanted, traffic }: ConsequenceProps): ReactElement {
  const { spec, deployment, runningRollout } = endpoint;
  if (mode === 'judge') {
    const stages = spec.rollout?.stages.map(
      (s) => `${s.percent === 0 ? 'shadow' : `${s.percent} %`} for ${needsOf(s)}`,
    );
    return (
      <div className="note">
        <span>
          v{wanted.version} replaces v{deployment?.traffic[0]?.version} only when the judge shows it good enough
          {stages === undefined ? ', by the plan of the server' : `: ${stages.join(', then ')}`}. A guard that sees harm
          sends everything back by itself.
        </span>
      </div>
    );
  }
  const stopped = (deployment?.traffic ?? []).filter(
    (t) => t.percent > 0 && !traffic.some((n) => n.version === t.version),
  );
  return (
    <div className={runningRollout === undefined ? 'note' : 'note warn'}>
      <span>
        From the next request on {traffic.map((t) => `v${t.version} answers ${t.percent} %`).join(' and ')}
        {stopped.length > 0 && `; ${stopped.map((t) => `v${t.version}`).join(', ')} answers nobody`}. No judge watches
        it, and no alias moves.
        {runningRollout !== undefined && ' A rollout is running: cancel it first.'}
      </span>
    </div>
  );
}
