import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';

/** Who made something: a step of a run leads to that step. */
export function Origin({ createdBy }: { createdBy: string }): ReactElement {
  const found = /^step:(plr_[0-9a-z]{26})\/(.+)$/.exec(createdBy);
  const [, run, step] = found ?? [];
  if (run === undefined || step === undefined) return <span className="t2">{createdBy}</span>;
  return (
    <Link to={`${to.pipelineRun(run)}?step=${encodeURIComponent(step)}`} title={createdBy}>
      {step} of {short(run)}
    </Link>
  );
}
