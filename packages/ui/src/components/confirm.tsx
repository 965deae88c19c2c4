/**
 * Asks before something is done: says what follows from it, takes a reason where the ledger keeps one, and shows the
 * server's refusal in place. While an answer is awaited it cannot be sent twice.
 */
import { Modal } from '@mantine/core';
import type { FormEvent, ReactElement, ReactNode } from 'react';
import { useState } from 'react';
import type { ApiError } from '../api/client.ts';
import { ErrorNote } from './states.tsx';

/** Asked for only where the operation takes one. */
export interface ReasonField {
  readonly label: string;
  readonly placeholder: string;
  readonly maxChars: number;
  readonly isRequired?: boolean;
}

interface ConfirmProps {
  readonly title: string;
  /** The button, as a verb. */
  readonly verb: string;
  /** The other button, as a verb too. */
  readonly keep?: string;
  readonly isDanger?: boolean;
  readonly change: { readonly isPending: boolean; readonly error: ApiError | null };
  readonly reason?: ReasonField;
  /** With the trimmed reason; undefined where none was typed. */
  readonly confirm: (reason: string | undefined) => void;
  readonly close: () => void;
  /** What follows. */
  readonly children: ReactNode;
}

/**
 * @example
 * <Confirm title="Revoke ci?" verb="Revoke ci" isDanger change={revoke} close={close} confirm={() => revoke.mutate(...)}>
 *   Requests with this token are refused from this moment on.
 * </Confirm>
 */
export function Confirm(props: ConfirmProps): ReactElement {
  const { title, verb, keep = 'Keep as it is', isDanger = false, change, reason, confirm, close, children } = props;
  const [text, setText] = useState('');
  const given = text.trim();
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (!change.isPending) confirm(given === '' ? undefined : given);
  };
  return (
    <Modal opened onClose={close} title={title} centered>
      <form className="stack" onSubmit={onSubmit}>
        <div className="stack t2">{children}</div>
        {reason !== undefined && (
          <label className="stack">
            <span className="sm t2">{reason.label}</span>
            <textarea
              className="input"
              maxLength={reason.maxChars}
              required={reason.isRequired ?? false}
              value={text}
              placeholder={reason.placeholder}
              onChange={(event) => setText(event.currentTarget.value)}
            />
          </label>
        )}
        {change.error !== null && <ErrorNote error={change.error} />}
        <div className="row end">
          <button type="button" className="btn" onClick={close}>
            {keep}
          </button>
          <button type="submit" className={isDanger ? 'btn danger' : 'btn pri'} disabled={change.isPending}>
            {verb}
          </button>
        </div>
      </form>
    </Modal>
  );
}
