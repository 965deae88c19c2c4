/** The version that answers and the one in its shadow, on the labelled predictions that both of them scored, in the days before outcomes stop being known. */
import type { Endpoint, VersionComparison } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { comparedFigures } from '../../components/compared-figures.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import { count, plural } from '../../words.ts';

const comparedMs = 7 * 86_400_000;

interface Pair {
  readonly answers: number;
  readonly shadow: number;
}

/** On the day before outcomes stop being known; without a shadow or outcomes there is nothing to compare. */
export function Compared({ endpoint }: { endpoint: Endpoint }): ReactElement | null {
  const { deployment, labelWatermarkAt, runningRollout } = endpoint;
  const answers = deployment?.traffic[0]?.version;
  const shadow = deployment?.shadow ?? deployment?.traffic[1]?.version;
  if (answers === undefined || shadow === undefined || labelWatermarkAt === undefined) return null;
  // The page of a running rollout has the judge's own comparison.
  if (runningRollout !== undefined) return null;
  const from = Math.max(0, labelWatermarkAt - comparedMs);
  return <Comparison endpoint={endpoint.name} pair={{ answers, shadow }} from={from} to={labelWatermarkAt + 1} />;
}

interface ComparisonProps {
  readonly endpoint: string;
  readonly pair: Pair;
  readonly from: number;
  readonly to: number;
}

function Comparison({ endpoint, pair, from, to }: ComparisonProps): ReactElement {
  const comparison = useAsk(
    'monitoring.compare',
    { params: { endpoint }, query: { champion: pair.answers, challenger: pair.shadow, from, to } },
    { keep: true },
  );
  return (
    <Panel title={`v${pair.answers} and v${pair.shadow} compared`} caption="on the last 7 days with outcomes">
      <Loaded query={comparison}>{(data) => <Figures comparison={data} />}</Loaded>
    </Panel>
  );
}

function Figures({ comparison }: { comparison: VersionComparison }): ReactElement {
  const { champion, challenger, warnings, sentence } = comparison;
  return (
    <>
      <p className="sm">
        Of v{challenger}, in the shadow: {sentence}
      </p>
      <div className="scroll compared" tabIndex={0}>
        <table className="tbl" aria-label="Both versions on the same predictions">
          <thead>
            <tr>
              <th scope="col">{plural(comparison.count, 'pair')}</th>
              <th scope="col" className="num">
                <ArmMark arm="champion" /> v{champion}
              </th>
              <th scope="col" className="num">
                <ArmMark arm="reference" /> v{challenger}
              </th>
              <th scope="col" className="num">
                Difference, 95 % by days
              </th>
            </tr>
          </thead>
          <tbody>
            {comparedFigures(comparison).map((one) => (
              <tr key={one.name}>
                <td>{one.name}</td>
                <td className="num">{one.write(one.champion)}</td>
                <td className="num">{one.write(one.challenger)}</td>
                <td className="num">
                  {one.writeChange(one.byDay?.value ?? one.challenger - one.champion)}
                  {one.byDay !== undefined && (
                    <div className="t3">
                      {one.byDay.low === null
                        ? 'too few days'
                        : `${one.writeChange(one.byDay.low)} to ${one.writeChange(one.byDay.high)}`}
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {comparison.task === 'binary' && (
        <p className="xs t3">
          {count(comparison.positives)} of {count(comparison.count)} outcomes are positive.
        </p>
      )}
      {warnings.length > 0 && (
        <ul className="xs t2">
          {warnings.map((warning) => (
            <li key={warning}>
              <Icon name="info" small /> {warning}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
