/** Asks before something is done, says what follows from it, and shows the server's refusal in place. */
import { Modal } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import type { ApiError } from '../../api/client.ts';
import { ErrorNote } from '../../components/states.tsx';

interface ConfirmProps {
  readonly title: string;
  /** The button, as a verb. */
  readonly verb: string;
  readonly isDanger?: boolean;
  readonly change: { readonly isPending: boolean; readonly error: ApiError | null };
  readonly confirm: () => void;
  readonly close: () => void;
  /** What follows. */
  readonly children: ReactNode;
}

export function Confirm({
  title,
  verb,
  isDanger = false,
  change,
  confirm,
  close,
  children,
}: ConfirmProps): ReactElement {
  return (
    <Modal opened onClose={close} title={title} centered>
      <div className="col" style={{ gap: 'var(--s-5)' }}>
        <div className="t2">{children}</div>
        {change.error !== null && <ErrorNote error={change.error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <button type="button" className="btn" onClick={close}>
            Keep as it is
          </button>
          <button
            type="button"
            className={isDanger ? 'btn danger' : 'btn pri'}
            disabled={change.isPending}
            onClick={confirm}
          >
            {verb}
          </button>
        </div>
      </div>
    </Modal>
  );
}
