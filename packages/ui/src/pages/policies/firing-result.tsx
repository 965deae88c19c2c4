/** Where what came of a firing can be seen. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { to } from '../../frame/places.ts';

export function FiringResult({ firing }: { firing: PolicyFiring }): ReactElement | null {
  const { result, action } = firing;
  if (result === undefined) return null;
  const { run, rollout } = result;
  if (typeof run === 'string') return <Link to={to.pipelineRun(run)}>pipeline run</Link>;
  if (typeof rollout === 'string') return <Link to={to.rollout(rollout)}>rollout</Link>;
  if ('alias' in action) {
    return (
      <Link to={to.version(action.alias.model, action.alias.version)}>
        {action.alias.model} v{action.alias.version}
      </Link>
    );
  }
  return (
    <span>
      {Object.entries(result)
        .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(', ')}
    </span>
  );
}
