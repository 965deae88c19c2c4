/** Names and values, of inputs and of features. */
import type { ReactElement } from 'react';

type Cell = readonly [name: string, value: string | number | boolean | null];

export function Cells({ head, cells }: { head: string; cells: readonly Cell[] }): ReactElement {
  return (
    <table className="tbl" aria-label={`${head}s`}>
      <thead>
        <tr>
          <th scope="col">
            {head} <span className="t3">{cells.length}</span>
          </th>
          <th scope="col" className="num">
            Value
          </th>
        </tr>
      </thead>
      <tbody>
        {cells.map(([name, value]) => (
          <tr key={name}>
            <td>{name}</td>
            <td className="num">{value === null ? <span className="t3">null</span> : written(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Exact when short, else six digits: the whole value is in the API's answer. */
function written(value: string | number | boolean): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  const text = String(value);
  return text.length <= 8 ? text : value.toPrecision(6);
}
