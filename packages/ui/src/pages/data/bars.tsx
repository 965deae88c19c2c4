import type { ReactElement } from 'react';
import type { Bar, Shape } from './shape.ts';

const width = 168;
const height = 32;

/** Small bars of one column; the version compared with is grey. */
export function Bars({ shape, label }: { shape: Shape; label: string }): ReactElement {
  const isOutline = shape.kind === 'numbers';
  return (
    <svg
      className="dt-bars"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    >
      {!isOutline && shape.reference.map((bar, i) => <Rect key={i} bar={bar} look="ref" />)}
      {shape.bars.map((bar, i) => (
        <Rect key={i} bar={bar} look="cur" />
      ))}
      {isOutline && shape.reference.length > 0 && <path className="line" d={outline(shape.reference)} />}
      <path className="base" d={`M0 ${height - 0.5}H${width}`} />
    </svg>
  );
}

function Rect({ bar, look }: { bar: Bar; look: 'cur' | 'ref' }): ReactElement {
  const tall = bar.height * (height - 2);
  return (
    <rect
      className={look}
      x={bar.x * width}
      y={height - tall}
      width={Math.max(1, bar.width * width - 0.6)}
      height={tall}
    />
  );
}

function outline(bars: readonly Bar[]): string {
  const y = (bar: Bar): number => height - bar.height * (height - 2);
  const [first] = bars;
  const steps = bars.map((bar) => `V${y(bar)}H${(bar.x + bar.width) * width}`);
  return `M${(first?.x ?? 0) * width} ${height}${steps.join('')}V${height}`;
}
