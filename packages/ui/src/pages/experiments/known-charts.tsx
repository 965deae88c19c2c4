/** Charts of the three files that training and measuring steps leave: calibration.json, roc.json and importance.json. */
import type { ReactElement, ReactNode } from 'react';
import { useState } from 'react';
import { count, decimals, percent } from '../../words.ts';

/** Nothing when the file is not one of them or does not have their form: its text stands below anyway. */
export function KnownChart({ name, text }: { name: string; text: string }): ReactElement | null {
  const rows = rowsOf(text);
  if (rows === undefined) return null;
  if (name === 'calibration.json') return <Calibration rows={rows} />;
  if (name === 'roc.json') return <Roc rows={rows} />;
  if (name === 'importance.json') return <Importance rows={rows} />;
  return null;
}

type Row = Readonly<Record<string, unknown>>;

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

function rowsOf(text: string): readonly Row[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.length > 0 && parsed.every(isRow) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const numberOf = (row: Row, key: string): number => {
  const value = row[key];
  return typeof value === 'number' ? value : Number.NaN;
};

interface Point {
  readonly x: number;
  readonly y: number;
}

const areFinite = (points: readonly Point[]): boolean =>
  points.length > 1 && points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));

function Calibration({ rows }: { rows: readonly Row[] }): ReactElement | null {
  const points = rows.map((row) => ({ x: numberOf(row, 'predicted'), y: numberOf(row, 'observed') }));
  if (!areFinite(points)) return null;
  const top = Math.min(1, Math.ceil(Math.max(...points.flatMap(({ x, y }) => [x, y])) * 10) / 10);
  return (
    <UnitPlot
      label="Calibration: what was predicted against what came true, in equal groups"
      caption="share that came true, by mean prediction; the dashed line is perfect"
      points={points}
      top={top}
      hasDots
      xName="predicted"
      yName="observed"
      extra={{ head: 'Rows', cell: (i) => count(numberOf(rows[i] ?? {}, 'n')) }}
    />
  );
}

function Roc({ rows }: { rows: readonly Row[] }): ReactElement | null {
  const points = rows.map((row) => ({ x: numberOf(row, 'falsePositiveRate'), y: numberOf(row, 'truePositiveRate') }));
  if (!areFinite(points)) return null;
  return (
    <UnitPlot
      label="ROC: share of true cases found against share of false alarms"
      caption="share of true cases found, by share of false alarms; the dashed line is chance"
      points={points}
      top={1}
      xName="false positives"
      yName="true positives"
      extra={{ head: 'Threshold', cell: (i) => decimals(numberOf(rows[i] ?? {}, 'threshold')) }}
    />
  );
}

interface UnitPlotProps {
  readonly label: string;
  readonly caption: string;
  readonly points: readonly Point[];
  /** Both axes reach from 0 to here. */
  readonly top: number;
  readonly hasDots?: boolean;
  readonly xName: string;
  readonly yName: string;
  readonly extra: { readonly head: string; readonly cell: (i: number) => ReactNode };
}

const side = 240;
const margin = { left: 36, bottom: 30, top: 8, right: 8 };

/** Both axes are shares on one scale, so that the diagonal means something. */
function UnitPlot(props: UnitPlotProps): ReactElement {
  const { label, caption, points, top, hasDots = false, xName, yName, extra } = props;
  const [isTable, setTable] = useState(false);
  const at = ({ x, y }: Point): Point => ({
    x: margin.left + (x / top) * side,
    y: margin.top + (1 - y / top) * side,
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  const path = points.map((p) => `${at(p).x.toFixed(1)} ${at(p).y.toFixed(1)}`).join('L');
  const zero = at({ x: 0, y: 0 });
  const end = at({ x: top, y: top });
  return (
    <figure className="unit-plot" aria-label={label}>
      <div className="row between">
        <figcaption className="t2 sm">{caption}</figcaption>
        <button type="button" className="btn sm ghost" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? 'As chart' : 'As table'}
        </button>
      </div>
      {isTable ? (
        <div className="scroll" tabIndex={0} style={{ maxHeight: 320 }}>
          <table className="tbl top0" aria-label={label}>
            <thead>
              <tr>
                {[xName, yName, extra.head].map((head) => (
                  <th key={head} scope="col" className="num">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.map(({ x, y }, i) => (
                <tr key={i}>
                  <td className="num">{decimals(x, 4)}</td>
                  <td className="num">{decimals(y, 4)}</td>
                  <td className="num">{extra.cell(i)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <svg
          viewBox={`0 0 ${side + margin.left + margin.right} ${side + margin.top + margin.bottom}`}
          role="img"
          aria-label={`${label}; the table form has the numbers`}
        >
          {ticks.map((tick) => (
            <g key={tick}>
              <line className="rule" x1={zero.x} x2={end.x} y1={at({ x: 0, y: tick }).y} y2={at({ x: 0, y: tick }).y} />
              <text x={zero.x - 6} y={at({ x: 0, y: tick }).y + 4} textAnchor="end">
                {percent(tick)}
              </text>
              <text x={at({ x: tick, y: 0 }).x} y={zero.y + 14} textAnchor="middle">
                {percent(tick)}
              </text>
            </g>
          ))}
          <line className="even" x1={zero.x} y1={zero.y} x2={end.x} y2={end.y} />
          <path className="curve" d={`M${path}`} />
          {hasDots && points.map((p, i) => <circle key={i} cx={at(p).x} cy={at(p).y} r="3" />)}
          <text x={end.x} y={zero.y + 27} textAnchor="end">
            {xName}
          </text>
        </svg>
      )}
    </figure>
  );
}

const weightsMax = 15;

function Importance({ rows }: { rows: readonly Row[] }): ReactElement | null {
  const [isAll, setAll] = useState(false);
  const weights = rows
    .map((row) => ({ feature: String(row['feature']), gain: numberOf(row, 'gain'), splits: numberOf(row, 'splits') }))
    .toSorted((a, b) => b.gain - a.gain);
  const sum = weights.reduce((total, w) => total + w.gain, 0);
  const top = weights[0]?.gain ?? 0;
  if (!Number.isFinite(sum) || top <= 0) return null;
  return (
    <figure aria-label="How much each feature lowered the loss in training">
      <div className="row between">
        <figcaption className="t2 sm">share of the gain in training, by feature, with its splits</figcaption>
        {weights.length > weightsMax && (
          <button type="button" className="btn sm ghost" aria-pressed={isAll} onClick={() => setAll(!isAll)}>
            {isAll ? `First ${weightsMax}` : `All ${weights.length}`}
          </button>
        )}
      </div>
      <div className="weights">
        {weights.slice(0, isAll ? weights.length : weightsMax).map(({ feature, gain, splits }) => (
          <div key={feature} style={{ display: 'contents' }}>
            <code>{feature}</code>
            <span className="track" aria-hidden="true">
              <i style={{ width: `${Math.max(0.5, (gain / top) * 100)}%` }} />
            </span>
            <span className="r nw">
              {percent(gain / sum, 1)} <span className="t3">{Number.isFinite(splits) ? count(splits) : ''}</span>
            </span>
          </div>
        ))}
      </div>
    </figure>
  );
}
