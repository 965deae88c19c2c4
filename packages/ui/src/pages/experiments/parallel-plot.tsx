/**
 * Settings against outcome, drawn: a canvas for the lines or their density, an SVG over it for axes and brushes. Dragging
 * along an axis brushes it, a click takes the brush away; the fields below do the same with keys, the table has the runs.
 */
import type { Run } from '@slipway/contract';
import type { PointerEvent, ReactElement } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useWidth } from '../../components/use-width.ts';
import { useScheme } from '../../theme/scheme.ts';
import type { Axis, Brush, Positions } from './parallel.ts';
import { bands, densityOf, isWithin, linesMax, valueAt } from './parallel.ts';

const height = 236;
const margin = { left: 46, right: 46, top: 30, bottom: 22 } as const;
const grabPx = 28;
/** Less than this is a click. */
const dragMinPx = 3;

interface ParallelPlotProps {
  readonly runs: readonly Run[];
  readonly axes: readonly Axis[];
  readonly positions: Positions;
  readonly brushes: readonly Brush[];
  /** Colours of the selected runs. */
  readonly colours: ReadonlyMap<string, string>;
  readonly brush: (axis: Axis, ends: { readonly low: number; readonly high: number } | undefined) => void;
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function ParallelPlot(props: ParallelPlotProps): ReactElement {
  const { axes, positions, brushes } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(box);
  const { scheme } = useScheme();
  const xs = useMemo(() => {
    const room = width - margin.left - margin.right;
    return axes.map((_, i) => margin.left + (axes.length === 1 ? room / 2 : (i * room) / (axes.length - 1)));
  }, [axes, width]);
  const kept = useMemo(() => positions.map((line) => isWithin(axes, line, brushes)), [positions, axes, brushes]);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || width === 0) return;
    element.width = width * devicePixelRatio;
    element.height = height * devicePixelRatio;
    const pen = element.getContext('2d');
    if (pen === null) return;
    pen.scale(devicePixelRatio, devicePixelRatio);
    draw(pen, { ...props, xs, kept });
    // A change of scheme changes the colours.
  }, [props.runs, positions, axes, kept, xs, width, scheme, props.colours]);
  return (
    <div ref={box} className="parallel" style={{ height }}>
      <canvas ref={canvas} style={{ width, height }} aria-hidden="true" />
      <svg width={width} height={height} aria-hidden="true">
        {axes.map((axis, i) => (
          <AxisMarks key={axis.column} axis={axis} x={xs[i] ?? 0} isLast={i === axes.length - 1} {...props} />
        ))}
      </svg>
    </div>
  );
}

const yOf = (position: number): number => margin.top + (1 - position) * (height - margin.top - margin.bottom);
const positionAt = (y: number): number =>
  Math.min(1, Math.max(0, 1 - (y - margin.top) / (height - margin.top - margin.bottom)));

interface Drawing extends ParallelPlotProps {
  readonly xs: readonly number[];
  readonly kept: readonly boolean[];
}

function draw(pen: CanvasRenderingContext2D, drawing: Drawing): void {
  const { runs, positions, kept, colours, brushes } = drawing;
  const isDense = positions.length > linesMax;
  if (isDense) {
    if (brushes.length > 0) density(pen, drawing, { lines: positions, color: '--c8', strength: 0.35 });
    density(pen, drawing, {
      lines: brushes.length === 0 ? positions : positions.filter((_, i) => kept[i] === true),
      color: '--c1',
      strength: 1,
    });
  } else {
    // Where lines are many each is paler, so that what many share stands out.
    const ink = Math.min(0.45, 0.06 + 45 / Math.max(1, runs.length));
    positions.forEach((line, i) => {
      const isKept = kept[i] === true;
      const color = brushes.length > 0 && isKept ? '--c1' : '--c8';
      stroke(pen, drawing.xs, { line, color, alpha: isKept ? ink : ink / 4, width: 1.1 });
    });
  }
  runs.forEach((run, i) => {
    const color = colours.get(run.id);
    if (color !== undefined) stroke(pen, drawing.xs, { line: positions[i] ?? [], color, alpha: 1, width: 2.2 });
  });
}

interface Stroke {
  readonly line: readonly (number | undefined)[];
  readonly color: string;
  readonly alpha: number;
  readonly width: number;
}

/** A missing value breaks the line. */
function stroke(pen: CanvasRenderingContext2D, xs: readonly number[], { line, color, alpha, width }: Stroke): void {
  pen.globalAlpha = alpha;
  pen.strokeStyle = token(color);
  pen.lineWidth = width;
  pen.beginPath();
  let isDown = false;
  line.forEach((at, i) => {
    const x = xs[i] ?? 0;
    if (at === undefined) isDown = false;
    else if (isDown) pen.lineTo(x, yOf(at));
    else {
      pen.moveTo(x, yOf(at));
      isDown = true;
    }
  });
  pen.stroke();
  pen.globalAlpha = 1;
}

interface Density {
  readonly lines: Positions;
  readonly color: string;
  readonly strength: number;
}

function density(pen: CanvasRenderingContext2D, { xs, axes }: Drawing, { lines, color, strength }: Density): void {
  pen.fillStyle = token(color);
  densityOf(lines, axes.length).forEach((counts, gap) => {
    const [from, to] = [xs[gap] ?? 0, xs[gap + 1] ?? 0];
    const most = counts.reduce((max, n) => Math.max(max, n), 0);
    counts.forEach((n, cell) => {
      if (n === 0) return;
      const a = Math.floor(cell / bands) / bands;
      const b = (cell % bands) / bands;
      // The root keeps the rare ones in sight.
      pen.globalAlpha = strength * (0.04 + 0.6 * Math.sqrt(n / most));
      pen.beginPath();
      pen.moveTo(from, yOf(a));
      pen.lineTo(to, yOf(b));
      pen.lineTo(to, yOf(b + 1 / bands));
      pen.lineTo(from, yOf(a + 1 / bands));
      pen.fill();
    });
  });
  pen.globalAlpha = 1;
}

interface AxisMarksProps extends ParallelPlotProps {
  readonly axis: Axis;
  readonly x: number;
  readonly isLast: boolean;
}

const tickCount = 5;
const shortChars = 16;
const shortened = (text: string): string => (text.length > shortChars ? `${text.slice(0, shortChars - 1)}…` : text);

function AxisMarks({ axis, x, isLast, brushes, brush }: AxisMarksProps): ReactElement {
  const [drag, setDrag] = useState<{ readonly from: number; readonly to: number } | undefined>(undefined);
  const now = brushes.find((b) => b.column === axis.column);
  const at = (event: PointerEvent<SVGRectElement>): number =>
    event.clientY - (event.currentTarget.ownerSVGElement?.getBoundingClientRect().top ?? 0);
  const ends =
    drag ?? (now === undefined ? undefined : { from: yOfValue(axis, now.high), to: yOfValue(axis, now.low) });
  const side = isLast ? 'end' : 'start';
  return (
    <g>
      <line className="axis" x1={x} x2={x} y1={margin.top} y2={height - margin.bottom} />
      {ticksOf(axis).map(({ position, word }) => (
        <g key={position}>
          <line className="axis" x1={x - 3} x2={x + 3} y1={yOf(position)} y2={yOf(position)} />
          <text x={isLast ? x - 7 : x + 7} y={yOf(position) + 3.5} textAnchor={side}>
            {shortened(word)}
          </text>
        </g>
      ))}
      <text className="axis-name" x={x} y={14} textAnchor="middle" direction="ltr">
        {shortened(axis.name)}
        {axis.scale === 'log' ? ', log' : ''}
        <title>{axis.name}</title>
      </text>
      {ends !== undefined && (
        <rect
          className="brush"
          x={x - 6}
          width={12}
          y={Math.min(ends.from, ends.to)}
          height={Math.max(2, Math.abs(ends.to - ends.from))}
        />
      )}
      <rect
        className="grab"
        x={x - grabPx / 2}
        width={grabPx}
        y={margin.top - 8}
        height={height - margin.top - margin.bottom + 16}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event) });
        }}
        onPointerMove={(event) => {
          if (drag !== undefined) setDrag({ ...drag, to: at(event) });
        }}
        onPointerUp={(event) => {
          if (drag === undefined) return;
          const to = at(event);
          setDrag(undefined);
          if (Math.abs(to - drag.from) < dragMinPx) return brush(axis, undefined);
          const values = [drag.from, to].map((y) => valueAt(axis, positionAt(y)));
          brush(axis, { low: Math.min(...values), high: Math.max(...values) });
        }}
      />
    </g>
  );
}

const yOfValue = (axis: Axis, value: number): number => {
  if (axis.high === axis.low) return yOf(0.5);
  const position =
    axis.scale === 'log'
      ? Math.log(value / axis.low) / Math.log(axis.high / axis.low)
      : (value - axis.low) / (axis.high - axis.low);
  return yOf(Math.min(1, Math.max(0, position)));
};

function ticksOf(axis: Axis): readonly { readonly position: number; readonly word: string }[] {
  if (axis.scale === 'names') {
    const every = Math.ceil(axis.names.length / 8);
    return axis.names.flatMap((word, i) =>
      i % every === 0 ? [{ position: axis.high === 0 ? 0.5 : i / axis.high, word }] : [],
    );
  }
  if (axis.high === axis.low) return [{ position: 0.5, word: tickText(axis.low) }];
  return Array.from({ length: tickCount }, (_, i) => {
    const position = i / (tickCount - 1);
    return { position, word: tickText(valueAt(axis, position)) };
  });
}

/** Four digits at most, and no more than there are: `0.09`, `87.5`, `2.3e-7`. */
const tickText = (value: number): string => String(Number(value.toPrecision(4)));
