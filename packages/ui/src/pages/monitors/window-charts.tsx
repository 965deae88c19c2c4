/** Calibration gap and AUC by window with their 95 % intervals, a line for each version that served. */
import type { Alert, MonitorSpec, PendingWindow, WindowSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Panel } from '../../components/layout.tsx';
import type { Series } from '../../components/line-chart.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState } from '../../components/states.tsx';
import { levelOf, mainFigure } from './quality.ts';
import { CoverageStrip, coverageWords } from './coverage-strip.tsx';

const z95 = 1.96;
const colors = ['--c1', '--c3', '--c4', '--c6'] as const;

interface WindowChartsProps {
  /** Newest first. */
  readonly windows: readonly WindowSummary[];
  readonly pending: readonly PendingWindow[];
  readonly alerts: readonly Alert[];
  readonly spec: MonitorSpec;
  readonly href: (window: { readonly id: string }) => string;
}

export function WindowCharts({ windows, pending, alerts, spec, href }: WindowChartsProps): ReactElement {
  const all = windows.toReversed();
  const judged = all.filter((w) => levelOf(w) !== undefined);
  if (judged.length < 2) {
    return (
      <Panel title="Quality" caption={coverageWords(pending)}>
        <EmptyState title="Too few windows for a line">
          Two judged windows make one; the table below has what there is.
        </EmptyState>
        <CoverageStrip windows={all} pending={pending} spec={spec} href={href} />
      </Panel>
    );
  }
  const isNumber = judged.some((w) => w.numbers !== undefined);
  const main = judged.map(mainFigure).find((figure) => figure !== undefined)?.name ?? 'AUC';
  // Windows that wait are there too, without a value: the line ends where outcomes do.
  const x = [...judged.map((w) => w.from), ...pending.map((p) => p.from)];
  const marks = [
    ...alerts
      .filter((a) => a.severity === 'alert' && x.includes(a.windowFrom))
      .map((a) => ({ x: a.windowFrom, name: 'alert' })),
    ...pending.slice(0, 1).map((p) => ({ x: p.from, name: 'outcomes to come' })),
  ];
  const versions = [...new Set(judged.map((w) => w.version))].slice(-colors.length);
  const by = (read: (w: WindowSummary) => Estimate): Series[] =>
    versions.map((version, i) => {
      const of = [...judged.map((w) => (w.version === version ? read(w) : undefined)), ...pending.map(() => undefined)];
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
        title={isNumber ? 'Mean residual' : 'Calibration gap'}
        caption={
          isNumber
            ? `observed less predicted, in units of the expected error, by ${spec.window}`
            : `observed rate less mean score, by ${spec.window}; band 95 %, days as clusters`
        }
      >
        <LineChart
          label={`Calibration gap by ${spec.window}`}
          x={x}
          height={170}
          marks={marks}
          series={by(gapOf)}
          lines={[
            { value: spec.alert.gap, name: 'alert above', color: '--bad-solid' },
            { value: -spec.alert.gap, name: 'alert below', color: '--bad-solid' },
          ]}
        />
      </Panel>
      <Panel title={main} caption={`by ${spec.window}; band 95 %`}>
        <LineChart label={`${main} by ${spec.window}`} x={x} height={150} marks={marks} series={by(mainOf)} />
        <p className="cover-said xs t3">{coverageWords(pending)}</p>
        <CoverageStrip windows={all} pending={pending} spec={spec} href={href} />
      </Panel>
    </>
  );
}

interface Estimate {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

function gapOf(window: WindowSummary): Estimate {
  const value = levelOf(window)?.gap ?? null;
  const error = window.calibration?.dayStandardError ?? null;
  if (value === null || error === null) return { value, low: null, high: null };
  return { value, low: value - z95 * error, high: value + z95 * error };
}

function mainOf(window: WindowSummary): Estimate {
  const figure = mainFigure(window)?.value;
  return { value: figure?.value ?? null, low: figure?.low ?? null, high: figure?.high ?? null };
}
