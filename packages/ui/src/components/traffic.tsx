/** Who answers: shares by version, the first one the champion. */
import type { Endpoint } from '@slipway/contract';
import type { ReactElement } from 'react';
import { ArmMark } from './status.tsx';

export function Traffic({ endpoint }: { endpoint: Pick<Endpoint, 'deployment'> }): ReactElement {
  const { deployment } = endpoint;
  if (deployment === undefined) return <span className="t3">not set</span>;
  return (
    <span className="row">
      {deployment.traffic.map((share, i) => (
        <span key={share.version} className="row">
          <ArmMark arm={i === 0 ? 'champion' : 'challenger'} />v{share.version} {share.percent} %
        </span>
      ))}
      {deployment.shadow !== undefined && <span className="t3">v{deployment.shadow} in the shadow</span>}
    </span>
  );
}
