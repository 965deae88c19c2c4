/** A page of rows as they lie in the files. Values are text to the page, whatever they hold. */
import type { DataRow, DataRows } from '@slipway/contract';
import type { ReactElement } from 'react';
import type { More } from '../../components/loaded-pages.tsx';
import { count } from '../../words.ts';

interface RowTableProps {
  readonly label: string;
  readonly columns: DataRows['columns'];
  readonly rows: readonly DataRow[];
  /** Columns to be marked: those that a rule speaks of. */
  readonly marked?: ReadonlySet<string>;
  readonly more: More | undefined;
}

const isNumberType = (type: string): boolean => /INT|DOUBLE|FLOAT|DECIMAL/.test(type) && !type.includes('[');

export function RowTable({ label, columns, rows, marked, more }: RowTableProps): ReactElement {
  return (
    <>
      <div className="scroll" tabIndex={0}>
        <table className="tbl top0 dt-rows" aria-label={label}>
          <thead>
            <tr>
              <th scope="col">File, row</th>
              {columns.map((c) => (
                <th
                  key={c.name}
                  scope="col"
                  className={isNumberType(c.type) ? 'num' : ''}
                  title={`${c.name}, ${c.type}`}
                >
                  <bdi>{c.name}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="mono">
            {rows.map((row) => (
              <tr key={`${row.file} ${row.row}`}>
                <td className="t3">
                  {row.file}, {count(row.row)}
                </td>
                {columns.map((c, i) => (
                  <Cell
                    key={c.name}
                    value={row.values[i] ?? null}
                    isNumber={isNumberType(c.type)}
                    isCut={row.cut?.includes(c.name) === true}
                    isMarked={marked?.has(c.name) === true}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="tf">
        <span>{count(rows.length)} rows</span>
        {more !== undefined && (
          <button type="button" className="btn sm" disabled={more.isLoading} onClick={more.load}>
            Load more
          </button>
        )}
      </div>
    </>
  );
}

interface CellProps {
  readonly value: DataRow['values'][number];
  readonly isNumber: boolean;
  readonly isCut: boolean;
  readonly isMarked: boolean;
}

function Cell({ value, isNumber, isCut, isMarked }: CellProps): ReactElement {
  const tone = `${isNumber ? 'num ' : ''}${isMarked ? 'bad m' : ''}`;
  if (value === null) return <td className={`${tone} t3`}>null</td>;
  const text = String(value);
  return (
    <td className={tone} title={text.length > 40 ? text : undefined}>
      <bdi>{text}</bdi>
      {isCut && <span className="t3"> … cut</span>}
    </td>
  );
}
