/** Saying that somebody looks after an alert, with a note for whoever comes next. */
import type { Alert } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';

const noteMaxChars = 2000;

export function Acknowledge({ alert }: { alert: Alert }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const acknowledge = useChange('alerts.acknowledge');
  const close = (): void => setOpen(false);
  return (
    <>
      <button type="button" className="btn sm" onClick={() => setOpen(true)}>
        Acknowledge
      </button>
      {isOpen && (
        <Confirm
          title="Acknowledge the alert"
          verb="Acknowledge"
          keep="Leave it open"
          change={acknowledge}
          reason={{ label: 'Note', placeholder: 'what is being done', maxChars: noteMaxChars }}
          close={close}
          confirm={(note) =>
            acknowledge.mutate(
              { params: { alert: alert.id }, body: note === undefined ? {} : { note } },
              { onSuccess: close },
            )
          }
        >
          <p className="sm">{alert.sentence}</p>
          <p>
            It leaves the list of open alerts, with your name and the note in the ledger. It stays until a later window
            of {alert.monitor} is fine again; policies that it set off are not stopped.
          </p>
        </Confirm>
      )}
    </>
  );
}
