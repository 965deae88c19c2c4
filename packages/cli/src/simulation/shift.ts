/** What a simulation changes about the rows of its second half, so that one sees how an alert looks. */
import { usage } from '../arguments.ts';

export type Cell = number | string | boolean | null;
export type Inputs = Readonly<Record<string, Cell>>;

export type Shift = { readonly column: string; readonly words: string } & (
  | { readonly kind: 'scale'; readonly factor: number }
  | { readonly kind: 'add'; readonly by: number }
  | { readonly kind: 'value'; readonly value: Cell }
  | { readonly kind: 'shuffle' }
);

const forms = 'column=+20%, column=-3, column=null, column=shuffle, or column=value';

/** `fee=+20%`, `fee=-3`, `fee=null`, `plan=shuffle`, `plan=basic`. Throws what to write instead. */
export function shiftOf(typed: string): Shift {
  const at = typed.indexOf('=');
  const [column, how] = [typed.slice(0, at), typed.slice(at + 1)];
  if (at < 1 || how === '') throw usage(`--shift "${typed.slice(0, 80)}" is no change of a column: write ${forms}`);
  const words = `${column} ${how}`;
  const share = /^([+-]\d+(?:\.\d+)?)%$/.exec(how);
  if (share !== null) return { column, words, kind: 'scale', factor: 1 + Number(share[1]) / 100 };
  if (/^[+-]\d+(?:\.\d+)?$/.test(how)) return { column, words, kind: 'add', by: Number(how) };
  if (how === 'shuffle') return { column, words: `${column} shuffled`, kind: 'shuffle' };
  if (how === 'null') return { column, words: `${column} missing`, kind: 'value', value: null };
  return { column, words: `${column} ${how} everywhere`, kind: 'value', value: how };
}

export interface ColumnType {
  readonly name: string;
  readonly type: 'number' | 'text' | 'boolean' | 'instant';
}

/** With values in the types of their columns. Throws where a column is none of the endpoint's, or cannot change so. */
export function fitShifts(shifts: readonly Shift[], columns: readonly ColumnType[]): readonly Shift[] {
  return shifts.map((shift) => {
    const column = columns.find(({ name }) => name === shift.column);
    if (column === undefined)
      throw usage(
        `--shift names "${shift.column.slice(0, 80)}", and requests have no such input; they have ${columns.map(({ name }) => name).join(', ')}`,
      );
    if (shift.kind === 'shuffle' || (shift.kind === 'value' && shift.value === null)) return shift;
    const isNumber = column.type === 'number' || column.type === 'instant';
    if (shift.kind !== 'value') {
      if (isNumber) return shift;
      throw usage(
        `--shift ${shift.words}: ${column.name} is a ${column.type}; write ${column.name}=null, =shuffle or =value`,
      );
    }
    const value = valueOf(String(shift.value), column.type);
    if (value !== undefined) return { ...shift, value };
    throw usage(`--shift ${shift.words}: ${column.name} is a ${column.type}, and "${String(shift.value)}" is none`);
  });
}

function valueOf(text: string, type: ColumnType['type']): Cell | undefined {
  if (type === 'text') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  const number = type === 'instant' && !/^\d+$/.test(text) ? Date.parse(text) : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

const seed = 0x9e3779b1;

/** The same rows in the same order are changed the same way. */
export function applyShifts(rows: readonly Inputs[], shifts: readonly Shift[]): readonly Inputs[] {
  let changed = rows;
  for (const shift of shifts) {
    const source = shift.kind === 'shuffle' ? shuffled(changed.map((row) => row[shift.column] ?? null)) : [];
    changed = changed.map((row, i) => ({
      ...row,
      [shift.column]: cellOf(shift, row[shift.column] ?? null, source[i] ?? null),
    }));
  }
  return changed;
}

function cellOf(shift: Shift, before: Cell, drawn: Cell): Cell {
  switch (shift.kind) {
    case 'shuffle':
      return drawn;
    case 'value':
      return shift.value;
    case 'scale':
      return typeof before === 'number' ? before * shift.factor : before;
    case 'add':
      return typeof before === 'number' ? before + shift.by : before;
  }
}

/** Fisher-Yates with a fixed multiplicative generator. */
function shuffled(cells: readonly Cell[]): readonly Cell[] {
  const out = [...cells];
  let state = seed;
  for (let i = out.length - 1; i > 0; i--) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + seed;
    const j = (state >>> 0) % (i + 1);
    [out[i], out[j]] = [out[j] ?? null, out[i] ?? null];
  }
  return out;
}
