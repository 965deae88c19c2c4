/** Saying that somebody looks after an alert, with a note for whoever comes next. */
import { Modal } from '@mantine/core';
import type { Alert } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { ErrorNote } from '../../components/states.tsx';

export function Acknowledge({ alert }: { alert: Alert }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const [note, setNote] = useState('');
  const acknowledge = useChange('alerts.acknowledge');
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    acknowledge.mutate(
      { params: { alert: alert.id }, body: note.trim() === '' ? {} : { note: note.trim() } },
      { onSuccess: () => setOpen(false) },
    );
  };
  return (
    <>
      <button type="button" className="btn sm" onClick={() => setOpen(true)}>
        Acknowledge
      </button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title="Acknowledge the alert" centered>
        <form className="col" style={{ gap: 'var(--s-5)' }} onSubmit={onSubmit}>
          <p className="sm t2">{alert.sentence}</p>
          <p>
            It leaves the list of open alerts, with your name and the note in the ledger. It stays until a later window
            of {alert.monitor} is fine again; policies that it set off are not stopped.
          </p>
          <label className="col" style={{ gap: 4 }}>
            <span className="sm t2">Note</span>
            <textarea
              className="input"
              maxLength={2000}
              value={note}
              placeholder="what is being done"
              onChange={(e) => setNote(e.currentTarget.value)}
            />
          </label>
          {acknowledge.error !== null && <ErrorNote error={acknowledge.error} />}
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="btn" onClick={() => setOpen(false)}>
              Leave it open
            </button>
            <button type="submit" className="btn pri" disabled={acknowledge.isPending}>
              Acknowledge
            </button>
          </div>
        </form>
      </Modal>
    </>
  );
}
