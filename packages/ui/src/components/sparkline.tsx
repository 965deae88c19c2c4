/** The course of a few numbers in a cell: a line without axes. What it says in numbers stands beside it. */
import type { ReactElement } from 'react';

interface SparklineProps {
  /** For readers who do not see it. */
  readonly label: string;
  readonly values: readonly number[];
  /** A colour token. */
  readonly color?: string;
  /** Filled down to its lower edge, which is then zero: for counts. */
  readonly hasArea?: boolean;
}

const width = 64;
const height = 20;
/** Room for half the line and for the dot at its end. */
const edge = 3;

export function Sparkline({ label, values, color = '--c8', hasArea = false }: SparklineProps): ReactElement {
  const low = hasArea ? 0 : Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const points = values.map((value, i) => [
    edge + (i / Math.max(1, values.length - 1)) * (width - 2 * edge),
    height - edge - ((value - low) / range) * (height - 2 * edge),
  ]);
  const line = `M${points.map((p) => p.map((n) => n.toFixed(1)).join(' ')).join('L')}`;
  const [x, y] = points.at(-1) ?? [];
  const floor = height - edge;
  return (
    <svg className="sparkline" role="img" aria-label={label} width={width} height={height} color={`var(${color})`}>
      {hasArea && <path d={`${line}L${width - edge} ${floor}L${edge} ${floor}Z`} fill="currentColor" opacity="0.16" />}
      <path d={line} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinejoin="round" />
      <circle cx={x} cy={y} r="2" fill="currentColor" />
    </svg>
  );
}
