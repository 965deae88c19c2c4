/** Calibration gap and AUC by window with their 95 % intervals, a line for each version that served. */
import type { MonitorSpec, MonitorWindow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Panel } from '../../components/layout.tsx';
import type { Series } from '../../components/line-chart.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState } from '../../components/states.tsx';

const z95 = 1.96;
const colors = ['--c1', '--c3', '--c4', '--c6'] as const;

export function WindowCharts({
  windows,
  spec,
}: {
  windows: readonly MonitorWindow[];
  spec: MonitorSpec;
}): ReactElement {
  const judged = windows.toReversed().filter((w) => w.calibration !== undefined);
  if (judged.length < 2) {
    return (
      <Panel title="Quality">
        <EmptyState title="Too few windows for a line">
          Two judged windows make one; the table below has what there is.
        </EmptyState>
      </Panel>
    );
  }
  const x = judged.map((w) => w.from);
  const versions = [...new Set(judged.map((w) => w.version))].slice(-colors.length);
  const by = (read: (w: MonitorWindow) => Estimate): Series[] =>
    versions.map((version, i) => {
      const of = judged.map((w) => (w.version === version ? read(w) : undefined));
      return {
        name: `v${version}`,
        color: colors[i] ?? '--c8',
        isDashed: i > 0,
        values: of.map((e) => e?.value ?? null),
        low: of.map((e) => e?.low ?? null),
        high: of.map((e) => e?.high ?? null),
      };
    });
  return (
    <>
      <Panel
        title="Calibration gap"
        caption={`observed rate less mean score, by ${spec.window}; band 95 %, days as clusters`}
      >
        <LineChart
          label={`Calibration gap by ${spec.window}`}
          x={x}
          height={170}
          series={by(gapOf)}
          lines={[
            { value: spec.alert.gap, name: 'alert above', color: '--bad-solid' },
            { value: -spec.alert.gap, name: 'alert below', color: '--bad-solid' },
          ]}
        />
      </Panel>
      <Panel title="AUC" caption={`by ${spec.window}; band 95 %`}>
        <LineChart label={`AUC by ${spec.window}`} x={x} height={150} series={by(aucOf)} />
      </Panel>
    </>
  );
}

interface Estimate {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

function gapOf({ calibration }: MonitorWindow): Estimate {
  const value = calibration?.gap ?? null;
  const error = calibration?.dayStandardError ?? null;
  if (value === null || error === null) return { value, low: null, high: null };
  return { value, low: value - z95 * error, high: value + z95 * error };
}

const aucOf = ({ auc }: MonitorWindow): Estimate => ({
  value: auc?.value ?? null,
  low: auc?.low ?? null,
  high: auc?.high ?? null,
});
