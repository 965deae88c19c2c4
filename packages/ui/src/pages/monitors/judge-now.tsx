/** Judging what is due without waiting for the next round. */
import { Modal } from '@mantine/core';
import type { Monitor } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { ErrorNote } from '../../components/states.tsx';
import { statusOf } from '../../components/status.tsx';
import { plural } from '../../words.ts';
import { windowName } from './window-words.ts';

export function JudgeNow({ monitor }: { monitor: Monitor }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const judge = useChange('monitors.evaluate');
  const close = (): void => {
    setOpen(false);
    judge.reset();
  };
  return (
    <>
      <button type="button" className="btn" disabled={monitor.retiredAt !== undefined} onClick={() => setOpen(true)}>
        Judge now
      </button>
      <Modal opened={isOpen} onClose={close} title={`Judge the windows of ${monitor.name}`} centered>
        <div className="col" style={{ gap: 'var(--s-5)' }}>
          {judge.data === undefined ? (
            <p>
              Every window whose outcomes are complete and that was not judged yet is judged and recorded. An alert
              opens when one is off, and the policies that wait for it act.
            </p>
          ) : judge.data.windows.length === 0 ? (
            <p>No window was due: the outcomes are not complete beyond the end of the next one.</p>
          ) : (
            <>
              <p>{plural(judge.data.windows.length, 'window')} judged:</p>
              <ul>
                {judge.data.windows.map((w) => (
                  <li key={w.id}>
                    {windowName(w, monitor.spec.zone)}: {statusOf(w.verdict).word}
                  </li>
                ))}
              </ul>
            </>
          )}
          {judge.error !== null && <ErrorNote error={judge.error} />}
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="btn" onClick={close}>
              Close
            </button>
            {judge.data === undefined && (
              <button
                type="button"
                className="btn pri"
                disabled={judge.isPending}
                onClick={() => judge.mutate({ params: { monitor: monitor.name }, body: {} })}
              >
                Judge what is due
              </button>
            )}
          </div>
        </div>
      </Modal>
    </>
  );
}
