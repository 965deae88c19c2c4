/** Pointing an alias at this version, and taking one away. Both say first what follows. */
import { Modal } from '@mantine/core';
import type { ModelVersion, RegisteredModel } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useChange } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { ErrorNote } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { duration } from '../../words.ts';
import { whoMayWords } from '../approvals/words.ts';
import { gateWords } from './marks.tsx';

interface SetAliasProps {
  readonly model: RegisteredModel;
  readonly version: ModelVersion;
}

export function SetAlias({ model, version }: SetAliasProps): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="btn" onClick={() => setOpen(true)}>
        Set alias
      </button>
      <Modal
        opened={isOpen}
        onClose={() => setOpen(false)}
        title={`Point an alias at ${model.name} v${version.number}`}
        centered
        lockScroll={false}
      >
        {/* Made anew each time: an old refusal does not wait inside. */}
        {isOpen && <AliasForm model={model} version={version} close={() => setOpen(false)} />}
      </Modal>
    </>
  );
}

function AliasForm({ model, version, close }: SetAliasProps & { close: () => void }): ReactElement {
  const known = [...new Set([...(model.gate?.protected ?? []), ...Object.keys(model.aliases)])];
  const [alias, setAlias] = useState(known.find((a) => model.aliases[a] !== version.number) ?? '');
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState<string | undefined>(undefined);
  const move = useChange('models.setAlias');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const why = reason.trim();
    move.mutate(
      {
        params: { model: model.name, alias: alias.trim() },
        body: { version: version.number, ...(why === '' ? {} : { reason: why }) },
      },
      { onSuccess: ({ approval }) => (approval === undefined ? close() : setAsked(approval.id)) },
    );
  };
  if (asked !== undefined) return <Asked id={asked} alias={alias} version={version} close={close} />;
  const needsApproval = model.approvals?.[alias.trim()] !== undefined;
  const isSame = model.aliases[alias.trim()] === version.number;
  return (
    <form className="stack" onSubmit={submit}>
      <label className="stack field">
        <span className="sm m">Alias</span>
        <input
          className="input"
          list="known-aliases"
          value={alias}
          required
          pattern="[A-Za-z0-9_\-]+"
          title="Letters, digits, underscore and dash"
          data-autofocus
          onChange={(event) => setAlias(event.target.value)}
        />
        <datalist id="known-aliases">
          {known.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      <Consequences model={model} version={version} alias={alias.trim()} />
      <label className="stack field">
        <span className="sm m">
          Reason <span className="t3">(kept in the ledger)</span>
        </span>
        <textarea
          className="input"
          rows={2}
          maxLength={1000}
          value={reason}
          placeholder="Why now"
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      {move.error !== null && <ErrorNote error={move.error} />}
      <div className="row" style={{ justifyContent: 'flex-end' }}>
        <button type="button" className="btn" onClick={close}>
          Leave it
        </button>
        <button type="submit" className="btn pri" disabled={move.isPending || alias.trim() === '' || isSame}>
          {alias.trim() === ''
            ? 'Set alias'
            : needsApproval
              ? `Ask for v${version.number} as ${alias.trim()}`
              : `Point ${alias.trim()} at v${version.number}`}
        </button>
      </div>
    </form>
  );
}

function Asked({
  id,
  alias,
  version,
  close,
}: {
  id: string;
  alias: string;
  version: ModelVersion;
  close: () => void;
}): ReactElement {
  return (
    <div className="stack" role="status">
      <p>
        Asked for: v{version.number} becomes {alias} when somebody approves{' '}
        <Link to={to.approval(id)} data-autofocus>
          the request
        </Link>
        . Until then the alias names what it named.
      </p>
      <div className="row end">
        <button type="button" className="btn pri" onClick={close}>
          Done
        </button>
      </div>
    </div>
  );
}

function Consequences({ model, version, alias }: SetAliasProps & { alias: string }): ReactElement | null {
  if (alias === '') return null;
  const from = model.aliases[alias];
  const isProtected = model.gate?.protected.includes(alias) === true;
  const rule = model.approvals?.[alias];
  const isRefused = isProtected && version.gate?.passed !== true;
  return (
    <div className={isRefused ? 'note warn' : 'note'}>
      <Icon name={isRefused ? 'warn' : 'info'} />
      <ul className="stack">
        {rule !== undefined && from !== version.number && (
          <li>
            This makes a request, and the alias moves when somebody approves it. {whoMayWords(rule)}, within{' '}
            {duration(Number(rule.lapsesAfter))}.
          </li>
        )}
        <li>
          {from === undefined
            ? `${alias} is a new alias of this model.`
            : from === version.number
              ? `${alias} names v${from} already.`
              : `${alias} moves from v${from} to v${version.number}.`}
        </li>
        <li>
          Whoever asks for {model.name}@{alias} gets this version. Traffic of endpoints stays where it is until one is
          deployed.
        </li>
        {alias === 'champion' && <li>The next gate compares its candidate with this version.</li>}
        {isProtected && (
          <li>
            {version.gate === undefined
              ? `A gate guards ${alias}, and none was judged for this version: the server will refuse.`
              : isRefused
                ? `A gate guards ${alias}, and this version did not pass it: the server will refuse.`
                : `A gate guards ${alias}; this version passed it (${gateWords(version.gate)}).`}
          </li>
        )}
      </ul>
    </div>
  );
}

export function RemoveAlias({ model, alias }: { model: RegisteredModel; alias: string }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const remove = useChange('models.deleteAlias');
  const close = (): void => {
    remove.reset();
    setOpen(false);
  };
  return (
    <>
      <button type="button" className="btn sm ghost" onClick={() => setOpen(true)}>
        Remove
      </button>
      <Modal opened={isOpen} onClose={close} title={`Remove the alias ${alias}`} centered lockScroll={false}>
        <div className="stack">
          <p className="t2">
            {model.name}@{alias} will name no version: whoever asks for it is refused until it is set again. The version
            itself stays, and endpoints go on answering with what is deployed.
          </p>
          {remove.error !== null && <ErrorNote error={remove.error} />}
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="btn" onClick={close}>
              Keep it
            </button>
            <button
              type="button"
              className="btn danger"
              disabled={remove.isPending}
              onClick={() => remove.mutate({ params: { model: model.name, alias } }, { onSuccess: close })}
            >
              Remove {alias}
            </button>
          </div>
        </div>
      </Modal>
    </>
  );
}
