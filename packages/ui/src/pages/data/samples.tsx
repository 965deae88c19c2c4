/** The first rows that did not hold, as the validation kept them. */
import type { ExpectationResult } from '@slipway/contract';
import type { ReactElement } from 'react';

/** Of an expectation within its validation. */
export const keyOf = (r: ExpectationResult): string => `${r.table}/${r.id}`;

/** The columns that the rule uses are red. */
export function SampleTable({ result, rowsMax }: { result: ExpectationResult; rowsMax?: number }): ReactElement {
  const rows = result.samples.slice(0, rowsMax);
  const used = new Set([...(result.column?.split(', ') ?? []), 'observed']);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl dt-samples" aria-label="Rows that did not hold">
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c} scope="col">
                {c}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="mono">
          {rows.map((row, i) => (
            <tr key={i}>
              {columns.map((c) => (
                <td key={c} className={used.has(c) ? 'bad m' : ''}>
                  {sample(row[c])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function sample(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
