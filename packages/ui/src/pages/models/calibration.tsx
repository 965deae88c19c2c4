/** Does a score mean what it says? Both versions on the same labelled predictions, in tenths of their scores. */
import type { Endpoint, VersionComparison } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import type { Arm } from '../../components/status.tsx';
import { count, decimals } from '../../words.ts';
import { armColor, pairsOf } from './against-choice.ts';

interface CalibrationProps {
  readonly endpoint: Endpoint;
  readonly subject: number;
  readonly other: number;
  readonly arms: { readonly subject: Arm; readonly other: Arm };
}

export function Calibration({ endpoint, subject, other, arms }: CalibrationProps): ReactElement {
  const compared = useAsk('monitoring.compare', pairsOf(endpoint, { champion: other, challenger: subject }));
  const { data, error } = compared;
  const binary = data?.task === 'binary' ? data : undefined;
  return (
    <Panel
      title="Calibration"
      actions={
        binary !== undefined && (
          <span className="row sm">
            <span>
              <ArmMark arm={arms.subject} /> v{binary.challenger} ECE {decimals(binary.scores.challenger.ece, 3)}
            </span>
            <span>
              <ArmMark arm={arms.other} /> v{binary.champion} ECE {decimals(binary.scores.champion.ece, 3)}
            </span>
          </span>
        )
      }
    >
      {error !== null && error.status < 500 ? (
        <EmptyState title="Not measured">{error.message}</EmptyState>
      ) : data !== undefined && binary === undefined ? (
        <EmptyState title="Not measured">It is drawn of models of two classes.</EmptyState>
      ) : (
        <Loaded query={compared} lines={5}>
          {() => (binary === undefined ? null : <Reliability found={binary} arms={arms} />)}
        </Loaded>
      )}
    </Panel>
  );
}

type Binary = Extract<VersionComparison, { readonly task: 'binary' }>;

function Reliability({ found, arms }: { found: Binary; arms: CalibrationProps['arms'] }): ReactElement {
  const { calibration, champion, challenger } = found;
  const x = [...calibration.champion, ...calibration.challenger]
    .map((bin) => 100 * bin.meanScore)
    .toSorted((a, b) => a - b);
  const valuesOf = (bins: Binary['calibration']['champion']): (number | null)[] => {
    const observed = new Map(bins.map((bin) => [100 * bin.meanScore, 100 * bin.observedRate]));
    return x.map((at) => observed.get(at) ?? null);
  };
  return (
    <>
      <LineChart
        label="Observed share by predicted share, in percent"
        x={x}
        isTime={false}
        xName="predicted, %"
        unit="%"
        digits={1}
        height={190}
        isNamedAbove
        yWords={(value) => `${value} %`}
        xWords={(value) => `${value} %`}
        series={[
          {
            name: `v${challenger}`,
            color: armColor[arms.subject],
            values: valuesOf(calibration.challenger),
            spansGaps: true,
          },
          {
            name: `v${champion}`,
            color: armColor[arms.other],
            values: valuesOf(calibration.champion),
            spansGaps: true,
          },
          { name: 'perfect', color: '--ref', values: x, isDashed: true, isPlain: true },
        ]}
      />
      <p className="xs t3">
        Tenths of {count(found.count)} pairs by score. Across: the mean score of a tenth; up: how often it came true. On
        the dashes a score means what it says; below them it promises too much.
      </p>
    </>
  );
}
