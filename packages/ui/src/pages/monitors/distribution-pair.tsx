/** A column then and now in the same bins, as shares: training is the grey outline, the window the bars. Texts stand value by value. */
import type { DriftFigure } from '@slipway/contract';
import type { ReactElement } from 'react';
import { count, percent } from '../../words.ts';

/** One bin, one value, or what stands apart: shares of training and of the window. */
export interface Slot {
  readonly label: string;
  readonly reference: number;
  readonly window: number;
  readonly rows: readonly [reference: number, window: number];
  readonly isApart: boolean;
}

const otherValues = 'all other values';

const edge = (value: number): string => {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(1);
  return Number(value.toPrecision(size >= 100 ? 4 : 3)).toString();
};

export function slotsOf(figure: DriftFigure): readonly Slot[] {
  const { missing } = figure;
  const found: { label: string; rows: readonly [number, number]; isApart: boolean }[] = [];
  if (figure.kind === 'number') {
    const { edges, reference, window, isOpenBelow, isOpenAbove } = figure;
    window.forEach((n, i) => {
      const [low, high] = [edges[i] ?? 0, edges[i + 1] ?? 0];
      const label =
        isOpenBelow && i === 0
          ? `below ${edge(high)}`
          : isOpenAbove && i === window.length - 1
            ? `from ${edge(low)}`
            : `${edge(low)} to ${edge(high)}`;
      found.push({ label, rows: [reference[i] ?? 0, n], isApart: false });
    });
  } else {
    for (const { value, reference, window } of figure.values)
      found.push({ label: value === '' ? '(empty)' : value, rows: [reference, window], isApart: false });
    const { other, new: fresh } = figure;
    if (other.reference + other.window > 0)
      found.push({ label: otherValues, rows: [other.reference, other.window], isApart: true });
    if (fresh.window > 0) found.push({ label: 'new values', rows: [0, fresh.window], isApart: true });
  }
  if (missing.reference + missing.window > 0)
    found.push({ label: 'missing', rows: [missing.reference, missing.window], isApart: true });
  // Missing numbers lie in no bin.
  const sum = (side: 0 | 1): number =>
    Math.max(
      1,
      found.reduce((total, s) => total + s.rows[side], 0),
    );
  const [then, now] = [sum(0), sum(1)];
  return found.map((s) => ({ ...s, reference: s.rows[0] / then, window: s.rows[1] / now }));
}

interface PairProps {
  readonly figure: DriftFigure;
  readonly width: number;
  readonly height: number;
}

/** Bars alone, for a row of a table. */
export function PairPicture({ figure, width, height }: PairProps): ReactElement {
  // All other values together would dwarf each named one; the table has them.
  const slots = slotsOf(figure).filter((s) => s.label !== otherValues || !s.isApart);
  const most = Math.max(...slots.flatMap((s) => [s.reference, s.window]), 1e-9);
  const slot = width / Math.max(slots.length, 1);
  const tall = (share: number): number => (share / most) * (height - 3);
  const isText = figure.kind === 'text';
  const outline = slots
    .filter((s) => !s.isApart)
    .map((s) => `V${(height - 1 - tall(s.reference)).toFixed(1)}h${slot.toFixed(2)}`)
    .join('');
  return (
    <svg
      className="pair"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={pairWords(figure)}
    >
      {slots.map((s, i) => (
        <g key={i}>
          {(isText || s.isApart) && (
            <rect
              className="then"
              x={i * slot + slot * 0.1}
              y={height - 1 - tall(s.reference)}
              width={slot * 0.38}
              height={tall(s.reference)}
            />
          )}
          <rect
            className={s.label === 'new values' && s.isApart ? 'now fresh' : 'now'}
            x={i * slot + (isText || s.isApart ? slot * 0.5 : slot * 0.06)}
            y={height - 1 - tall(s.window)}
            width={isText || s.isApart ? slot * 0.38 : slot * 0.88}
            height={tall(s.window)}
          />
        </g>
      ))}
      {!isText && outline !== '' && <path className="then-line" d={`M0 ${height - 1}${outline}V${height - 1}`} />}
      <path className="base" d={`M0 ${height - 0.5}H${width}`} />
    </svg>
  );
}

/** What moved most, in words, for readers who do not see the bars. */
export function pairWords(figure: DriftFigure): string {
  const moved = slotsOf(figure)
    .toSorted((a, b) => Math.abs(b.window - b.reference) - Math.abs(a.window - a.reference))
    .slice(0, 2)
    .map((s) => `${s.label.slice(0, 60)} ${percent(s.reference, 1)} then, ${percent(s.window, 1)} now`);
  return `${figure.name.slice(0, 100)}: ${moved.join('; ')}`;
}

/** Every bin or value with its shares: the form in which the picture can be read out and copied. */
export function PairTable({ figure }: { figure: DriftFigure }): ReactElement {
  return (
    <table className="tbl top0" aria-label={`Distribution of ${figure.name.slice(0, 100)}`}>
      <thead>
        <tr>
          <th scope="col">{figure.kind === 'number' ? 'Bin' : 'Value'}</th>
          <th scope="col" className="num">
            Then
          </th>
          <th scope="col" className="num">
            Now
          </th>
          <th scope="col" className="num">
            Rows, then and now
          </th>
        </tr>
      </thead>
      <tbody>
        {slotsOf(figure).map((s, i) => (
          <tr key={i} className={s.isApart ? 't2' : ''}>
            <td className={s.isApart ? '' : 'mono pair-value'} title={s.label}>
              <bdi>{s.label}</bdi>
            </td>
            <td className="num">{percent(s.reference, 1)}</td>
            <td className="num">{percent(s.window, 1)}</td>
            <td className="num t3">
              {count(s.rows[0])}, {count(s.rows[1])}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
