/** A page of rows as they lie in the files. Values are text to the page, whatever they hold. */
import type { DataRow, DataRows } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useMemo } from 'react';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
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
  const shown = useMemo(() => columnsOf(columns, marked), [columns, marked]);
  return (
    <DataTable
      label={label}
      className="dt-rows"
      rows={rows}
      rowKey={(row) => `${row.file} ${row.row}`}
      columns={shown}
      more={more}
    />
  );
}

function columnsOf(columns: DataRows['columns'], marked: ReadonlySet<string> | undefined): readonly Column<DataRow>[] {
  return [
    {
      key: ' ',
      head: 'File, row',
      cell: (row) => (
        <span className="t3">
          {row.file}, {count(row.row)}
        </span>
      ),
      value: (row) => `${row.file}, ${row.row}`,
    },
    ...columns.map((c, i): Column<DataRow> => ({
      key: c.name,
      head: <bdi title={`${c.name}, ${c.type}`}>{c.name}</bdi>,
      isNumber: isNumberType(c.type),
      cell: (row) => (
        <Value
          value={row.values[i] ?? null}
          isCut={row.cut?.includes(c.name) === true}
          isMarked={marked?.has(c.name) === true}
        />
      ),
      value: (row) => row.values[i],
    })),
  ];
}

interface ValueProps {
  readonly value: DataRow['values'][number];
  readonly isCut: boolean;
  readonly isMarked: boolean;
}

function Value({ value, isCut, isMarked }: ValueProps): ReactElement {
  if (value === null) return <span className={isMarked ? 'bad m' : 't3'}>null</span>;
  const text = String(value);
  return (
    <span className={isMarked ? 'bad m' : ''} title={text.length > 40 ? text : undefined}>
      <bdi>{text}</bdi>
      {isCut && <span className="t3"> … cut</span>}
    </span>
  );
}
