/** The names that rules of one table may use: its columns, and values that the suite computes, with the windows they need. */
import type { ColumnSchema } from '@slipway/contract';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import { columnsOf, expressionSql } from './expression.ts';
import type { Expr } from './expression.ts';
import type { Computed, ParsedTable } from './suite.ts';

/** The rule cannot be asked of this data; the message says why. */
export class RuleProblem extends Error {}

/** A window column: computed at `level`, from columns of lower levels. */
export interface Window {
  readonly name: string;
  readonly level: number;
  readonly sql: string;
}

export interface Value {
  readonly sql: string;
  readonly level: number;
  /** Windows that must be present, transitively. */
  readonly windows: readonly Window[];
}

export interface CompileContext {
  readonly table: ParsedTable;
  readonly schema: readonly ColumnSchema[];
  /** Windows must not look across files. */
  readonly perFile: boolean;
}

export const literal = (value: string | number | boolean): string => {
  if (typeof value === 'string') return sqlText(value);
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return Number.isSafeInteger(value) ? String(value) : `CAST('${value}' AS DOUBLE)`;
};

/** Names of a table: raw columns and computed values, each with SQL, window level and the windows it needs. */
export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #perFile: boolean;
  readonly #table: string;
  #windowCount = 0;
  constructor(context: CompileContext) {
    this.#perFile = context.perFile;
    this.#table = context.table.table;
    for (const column of context.schema) {
      this.#values.set(column.name, { sql: sqlName(column.name), level: 0, windows: [] });
    }
  }

  get(name: string): Value {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    throw new RuleProblem(`table "${this.#table}" has no column or computed value "${name}"`);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  expr(expr: Expr): Value {
    const parts = [...columnsOf(expr)].map((name) => this.get(name));
    return { ...merge(parts), sql: expressionSql(expr, (name) => this.get(name).sql) };
  }
  /** Adds a window column over `parts`; `over` is what stands between the parentheses of OVER, without the partition. */
  window(call: string, parts: readonly Value[], partition: readonly string[], order = ''): Value {
    const merged = merge(parts);
    const by = this.#perFile ? ['filename', ...partition] : partition;
    const name = `__w${this.#windowCount++}`;
    const partitionSql = by.length > 0 ? `PARTITION BY ${by.join(', ')}` : '';
    const window = { name, level: merged.level + 1, sql: `${call} OVER (${partitionSql} ${order})` };
    return { sql: sqlName(name), level: window.level, windows: [...merged.windows, window] };
  }
  declare(computed: Computed): void {
    if (this.has(computed.name))
      throw new RuleProblem(`"${computed.name}" is the name of a column or computed value already`);
    const value = this.expr(computed.value);
    if (computed.kind === 'expression') {
      this.#values.set(computed.name, value);
      return;
    }
    const per = computed.per.map((name) => this.get(name));
    const partition = per.map((p) => p.sql);
    if (computed.kind === 'previous') {
      const order = this.get(computed.order);
      const sql = `lag(${value.sql})`;
      this.#values.set(computed.name, this.window(sql, [value, order, ...per], partition, `ORDER BY ${order.sql}`));
      return;
    }
    const call = computed.kind === 'median' ? 'median' : 'avg';
    this.#values.set(computed.name, this.window(`${call}(${value.sql})`, [value, ...per], partition));
  }
}

export function merge(values: readonly Value[]): Omit<Value, 'sql'> {
  return {
    level: Math.max(0, ...values.map((v) => v.level)),
    windows: [...new Set(values.flatMap((v) => v.windows))],
  };
}

export const and = (...parts: readonly string[]): string => {
  const real = parts.filter((p) => p !== 'TRUE');
  return real.length === 0 ? 'TRUE' : real.map((p) => `(${p})`).join(' AND ');
};
