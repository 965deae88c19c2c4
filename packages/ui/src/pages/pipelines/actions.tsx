/** What can be done with a run: cancel it, run it again, run it again from one step on. */
import type { PipelineRunDetail } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { to } from '../../frame/places.ts';
import { plural } from '../../words.ts';
import { Confirm } from '../../components/confirm.tsx';
import { fromStepOn, isRunOver } from './facts.ts';

export function RunActions({ run }: { run: PipelineRunDetail }): ReactElement {
  const [asked, setAsked] = useState<'cancel' | 'rerun' | undefined>(undefined);
  return (
    <>
      {run.state === 'running' && (
        <button type="button" className="btn danger" onClick={() => setAsked('cancel')}>
          <Icon name="x" small />
          Cancel run
        </button>
      )}
      {(run.state === 'failed' || run.state === 'cancelled') && (
        <button type="button" className="btn" onClick={() => setAsked('rerun')}>
          <Icon name="undo" small />
          Rerun what did not succeed
        </button>
      )}
      {asked === 'cancel' && <Cancel run={run} close={() => setAsked(undefined)} />}
      {asked === 'rerun' && <Rerun run={run} close={() => setAsked(undefined)} />}
    </>
  );
}

export function RerunFromHere({ run, step }: { run: PipelineRunDetail; step: string }): ReactElement {
  const [isAsked, setAsked] = useState(false);
  if (!isRunOver(run)) return <></>;
  return (
    <>
      <button type="button" className="btn sm" data-key="r" onClick={() => setAsked(true)}>
        <Icon name="undo" small />
        Rerun from here
      </button>
      {isAsked && <Rerun run={run} from={step} close={() => setAsked(false)} />}
    </>
  );
}

function Cancel({ run, close }: { run: PipelineRunDetail; close: () => void }): ReactElement {
  const cancel = useChange('pipelineRuns.cancel');
  const active = run.steps.filter((s) => s.state === 'running').map((s) => s.step);
  return (
    <Confirm
      title={`Cancel this run of ${run.pipeline}?`}
      verb="Cancel run"
      isDanger
      change={cancel}
      close={close}
      confirm={() => cancel.mutate({ params: { run: run.id } }, { onSuccess: close })}
    >
      {active.length > 0
        ? `${active.join(', ')} is asked to end, then ended after its grace. `
        : 'No step runs at this moment. '}
      What has succeeded keeps its results, and a rerun starts from them.
    </Confirm>
  );
}

function Rerun({
  run,
  from,
  close,
}: {
  run: PipelineRunDetail;
  from?: string | undefined;
  close: () => void;
}): ReactElement {
  const navigate = useNavigate();
  const rerun = useChange('pipelineRuns.rerun');
  const isDone = (step: string): boolean => {
    const state = run.steps.find((s) => s.step === step)?.state;
    return state === 'succeeded' || state === 'reused';
  };
  const again = new Set(from === undefined ? [] : fromStepOn(run.graph, from));
  const todo = run.graph.nodes.filter((n) => again.has(n.id) || !isDone(n.id)).map((n) => n.id);
  const body = from === undefined ? {} : { from };
  return (
    <Confirm
      title={from === undefined ? 'Rerun what did not succeed?' : `Rerun from ${from}?`}
      verb="Start the rerun"
      change={rerun}
      close={close}
      confirm={() =>
        rerun.mutate(
          { params: { run: run.id }, body },
          { onSuccess: (started) => void navigate(to.pipelineRun(started.id)) },
        )
      }
    >
      <p>
        A new run with the same code, parameters and dataset versions. {plural(todo.length, 'step')} will run:{' '}
        {todo.join(', ')}.
      </p>
      <p>{plural(run.steps.length - todo.length, 'step')} keep their results from this run.</p>
    </Confirm>
  );
}
