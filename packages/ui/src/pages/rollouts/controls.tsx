/** What people may do to a running rollout: hold it, let it go on, roll it back. Each says first what follows from it. */
import type { Rollout } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Icon } from '../../components/icon.tsx';
import { duration, instant } from '../../words.ts';

const reasonMax = 1000;

export function RolloutControls({ rollout }: { rollout: Rollout }): ReactElement | null {
  if (rollout.state !== 'running') return null;
  return (
    <>
      {rollout.hold === undefined ? <Hold rollout={rollout} /> : <Resume rollout={rollout} hold={rollout.hold} />}
      <RollBack rollout={rollout} />
    </>
  );
}

function Hold({ rollout }: { rollout: Rollout }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const hold = useChange('rollouts.hold');
  const close = (): void => setOpen(false);
  const { candidate, incumbent, id } = rollout;
  return (
    <>
      <button type="button" className="btn" data-key="h" onClick={() => setOpen(true)}>
        <Icon name="hold" small />
        Hold<kbd>h</kbd>
      </button>
      {isOpen && (
        <Confirm
          title={`Hold the rollout of v${candidate}`}
          verb="Hold it"
          keep="Let it run"
          change={hold}
          close={close}
          reason={{ label: 'Reason', placeholder: 'The weather feed is late', maxChars: reasonMax, isRequired: true }}
          confirm={(reason) =>
            hold.mutate({ params: { rollout: id }, body: { reason: reason ?? '' } }, { onSuccess: close })
          }
        >
          <p>
            The split stays as it is and the clock of the stage stops. v{candidate} goes on answering its share: guards
            still roll it back to v{incumbent}, but nothing promotes it.
          </p>
          <p>Not resumed within 7 days, the rollout ends without promotion.</p>
        </Confirm>
      )}
    </>
  );
}

function Resume({ rollout, hold }: { rollout: Rollout; hold: NonNullable<Rollout['hold']> }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const resume = useChange('rollouts.resume');
  const close = (): void => setOpen(false);
  return (
    <>
      <button type="button" className="btn pri" onClick={() => setOpen(true)}>
        <Icon name="play" small />
        Resume
      </button>
      {isOpen && (
        <Confirm
          title={`Resume the rollout of v${rollout.candidate}`}
          verb="Resume it"
          keep="Keep it on hold"
          change={resume}
          close={close}
          reason={{ label: 'Reason, if there is one to keep', placeholder: '', maxChars: reasonMax }}
          confirm={(reason) =>
            resume.mutate({ params: { rollout: rollout.id }, body: { reason: reason ?? '' } }, { onSuccess: close })
          }
        >
          The stage goes on with the {duration(hold.stageLeftMs)} that it had left. What came meanwhile was counted: the
          judge may move on at once.
        </Confirm>
      )}
    </>
  );
}

function RollBack({ rollout }: { rollout: Rollout }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const rollBack = useChange('rollouts.rollBack');
  const close = (): void => setOpen(false);
  const { candidate, incumbent, endpoint, id } = rollout;
  return (
    <>
      <button type="button" className="btn danger" onClick={() => setOpen(true)}>
        <Icon name="undo" small />
        Roll back to v{incumbent}
      </button>
      {isOpen && (
        <Confirm
          title={`Roll back to v${incumbent}`}
          verb={`Send all traffic to v${incumbent}`}
          keep="Let it run"
          isDanger
          change={rollBack}
          close={close}
          reason={{ label: 'Reason', placeholder: 'Scores at JFK are off', maxChars: reasonMax, isRequired: true }}
          confirm={(reason) =>
            rollBack.mutate({ params: { rollout: id }, body: { reason: reason ?? '' } }, { onSuccess: close })
          }
        >
          From the next request on v{incumbent} answers everything on {endpoint}. v{candidate} is no longer scored, and
          what the judge has counted is not taken up again: another rollout starts from nothing. The reason goes to the
          ledger under your name.
        </Confirm>
      )}
    </>
  );
}

/** Shown above the plan while somebody holds it. */
export function HoldNote({ rollout }: { rollout: Rollout }): ReactElement | null {
  const { hold, candidate, deadlineAt } = rollout;
  if (hold === undefined) return null;
  return (
    <div className="note warn whole" role="status">
      <Icon name="hold" />
      <span>
        <b>On hold</b> since {instant(hold.at)} by {hold.by}: {hold.reason}. v{candidate} keeps its share and is
        counted; guards still roll it back. Not resumed by {instant(deadlineAt)}, it ends without promotion.
      </span>
    </div>
  );
}
