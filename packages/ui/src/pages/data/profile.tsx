/** Every column of a version: its type, how its values lie, nulls, distinct values, range. A column opens to all its figures. */
import type { ColumnPair, ColumnProfile, DatasetProfile } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Fragment } from 'react';
import { count, percent } from '../../words.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { Bars } from './bars.tsx';
import { frequentOf, shapeOf } from './shape.ts';

interface ProfileProps {
  readonly profile: DatasetProfile;
  readonly view: ViewState;
}

export function ProfileTable({ profile, view }: ProfileProps): ReactElement {
  const { against } = profile;
  const open = view.get('column');
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0 dt-profile" aria-label="Columns">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Distribution</th>
            <th scope="col" className="num">
              Nulls
            </th>
            <th scope="col" className="num">
              Distinct
            </th>
            <th scope="col" className="num">
              Min
            </th>
            <th scope="col" className="num">
              Median
            </th>
            <th scope="col" className="num">
              Max
            </th>
          </tr>
        </thead>
        <tbody>
          {profile.columns.map((column) => {
            const other = against?.columns.find((c) => c.name === column.name);
            const isOpen = column.name === open;
            return (
              <Fragment key={column.name}>
                <tr className={isOpen ? 'sel focus' : ''}>
                  <td>
                    <button
                      type="button"
                      className="link mono m"
                      aria-expanded={isOpen}
                      onClick={() => view.set({ column: isOpen ? undefined : column.name })}
                    >
                      <bdi>{column.name}</bdi>
                    </button>
                  </td>
                  <td className="mono t3">{column.type.toLowerCase()}</td>
                  <td>
                    <Distribution
                      column={column}
                      other={other}
                      rows={profile.rowCount}
                      rowsAgainst={against?.rowCount ?? 0}
                    />
                  </td>
                  <td className="num">{nulls(column, profile.rowCount)}</td>
                  <td className="num">{count(column.distinctApprox)}</td>
                  <Range column={column} rows={profile.rowCount} />
                </tr>
                {isOpen && (
                  <tr>
                    <td className="wrap dt-open" colSpan={8}>
                      <Figures
                        column={column}
                        other={other}
                        rows={profile.rowCount}
                        rowsAgainst={against?.rowCount ?? 0}
                      />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function nulls({ nullCount }: ColumnProfile, rows: number): string {
  if (nullCount === 0 || rows === 0) return '0';
  return percent(nullCount / rows, nullCount / rows < 0.001 ? 3 : 1);
}

/** `1 400`, `0.77`, `2013-01-01 10:00`. */
export function figure(value: number | string | boolean | null | undefined): string {
  if (value === null || value === undefined) return 'not set';
  if (typeof value !== 'number') return String(value).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):00(?:\.000)?Z$/, '$1 $2');
  const size = Math.abs(value);
  const isWhole = size >= 100 || Number.isInteger(value);
  // A year or a code of four digits reads worse in two parts.
  const text = isWhole ? (size < 10_000 ? String(Math.round(size)) : count(size)) : String(Number(size.toPrecision(3)));
  return value < 0 ? `\u2212${text}` : text;
}

interface DistributionProps {
  readonly column: ColumnProfile;
  readonly other: ColumnPair | undefined;
  readonly rows: number;
  readonly rowsAgainst: number;
}

function Distribution({ column, other, rows, rowsAgainst }: DistributionProps): ReactElement {
  const shape = shapeOf(column, other, { rows, rowsAgainst });
  if (shape === undefined) {
    const isUnique = rows > 0 && column.distinctApprox === rows - column.nullCount;
    return <span className="t3">{isUnique ? 'every value once' : ''}</span>;
  }
  const q = column.quantiles;
  const label =
    shape.kind === 'numbers'
      ? `half of ${column.name} lies between ${figure(q?.['p25'])} and ${figure(q?.['p75'])}, nine tenths between ${figure(q?.['p5'])} and ${figure(q?.['p95'])}`
      : `most frequent of ${column.name}: ${column.top
          .slice(0, 3)
          .map((t) => String(t.value))
          .join(', ')}`;
  return <Bars shape={shape} label={label} />;
}

/** Least, middle and greatest for numbers; the range for times; the most frequent for text. */
function Range({ column, rows }: { column: ColumnProfile; rows: number }): ReactElement {
  if (column.quantiles !== null) {
    return (
      <>
        <td className="num t2">{figure(column.min)}</td>
        <td className="num">{figure(column.quantiles['p50'])}</td>
        <td className="num t2">{figure(column.max)}</td>
      </>
    );
  }
  const [most] = column.top;
  const isTold = most !== undefined && most.count > 1;
  const text = isTold
    ? frequentOf(column, rows)
        .slice(0, 2)
        .map((f) => `${f.value} ${percent(f.share, 1)}`)
        .join(', ')
    : `${figure(column.min)} to ${figure(column.max)}`;
  return (
    <td className="t2 dt-text" colSpan={3} title={text}>
      {text}
    </td>
  );
}

function barsWords({ histogram }: ColumnProfile, other: ColumnPair | undefined): string {
  const moved = typeof other?.psi === 'number' ? ` PSI to the other version ${other.psi.toFixed(3)}.` : '';
  const found = other?.bins?.now ?? histogram;
  if (found === undefined) {
    return `Bars run from the 1 % to the 99 % quantile; the area of each is the share of rows in it.${moved}`;
  }
  const outside = found.below + found.above;
  const beyond = outside === 0 ? '' : `; ${count(outside)} rows lie outside, ${count(found.below)} of them below`;
  return `${found.counts.length} bins of equal width from ${figure(found.edges[0])} to ${figure(found.edges.at(-1))}${beyond}.${moved}`;
}

function Figures({ column, other, rows, rowsAgainst }: DistributionProps): ReactElement {
  const before = other?.before;
  const numbers: (readonly [string, number | null | undefined, number | null | undefined])[] = [
    ['mean', column.mean, before?.mean],
    ['deviation', column.std, before?.std],
    ...Object.entries(column.quantiles ?? {}).map(([mark, value]) => [mark, value, before?.quantiles?.[mark]] as const),
  ];
  const frequent =
    column.top[0] !== undefined && column.top[0].count > 1 ? frequentOf(column, rows, other, rowsAgainst) : [];
  const most = Math.max(...frequent.map((f) => f.share), 0);
  return (
    <div className="dt-figures">
      {column.quantiles !== null && (
        <dl className="dt-quantiles">
          {numbers.map(([name, value, before]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{figure(value)}</dd>
              {other !== undefined && <dd className="t3">was {figure(before)}</dd>}
            </div>
          ))}
        </dl>
      )}
      {frequent.length > 0 && (
        <ol className="dt-top">
          {frequent.map((f) => (
            <li key={f.value}>
              <code className="el">{f.value}</code>
              <span className="bar-c">
                <i style={{ width: `${(f.share / most) * 100}%` }} />
              </span>
              <span className="r">{percent(f.share, 1)}</span>
              {f.shareAgainst !== undefined && <span className="t3">was {percent(f.shareAgainst, 1)}</span>}
            </li>
          ))}
        </ol>
      )}
      <p className="t3 xs">
        {column.quantiles !== null
          ? `${barsWords(column, other)} Nulls, NaN and infinities are left out.`
          : `${nulls(column, rows)} null; ${count(column.distinctApprox)} distinct, from ${figure(column.min)} to ${figure(column.max)}.`}
      </p>
    </div>
  );
}
