/** Typed expressions as SQL for the offline join, and as closures for the online state: the same operations for both. */
import type { NumberFn, TextFn } from './operations.ts';
import { floatSql, operations } from './operations.ts';
import type { Typed, ValueType } from './typed.ts';
import type { Zone } from './zone.ts';

export interface SqlNames {
  /** The SQL of a reference. */
  readonly nameOf: (reference: string) => string;
  readonly zone: Zone;
}

/** The SQL of a typed expression. */
export function compileSql(typed: Typed, names: SqlNames): string {
  const sql = (part: Typed): string => compileSql(part, names);
  const { node } = typed;
  switch (node.kind) {
    case 'number':
      if (typed.type === 'float') return floatSql(node.value);
      if (Number.isNaN(node.value)) return typed.type === 'bool' ? 'CAST(NULL AS BOOLEAN)' : 'CAST(NULL AS BIGINT)';
      if (typed.type === 'bool') return node.value === 1 ? 'true' : 'false';
      return `CAST(${node.value} AS BIGINT)`;
    case 'text':
      return node.value === null ? 'CAST(NULL AS VARCHAR)' : `'${node.value.replaceAll("'", "''")}'`;
    case 'reference':
      return names.nameOf(node.name);
    case 'operation':
      return operations[node.name].sql(node.args.map(sql), names.zone);
    case 'textIn':
      return `(${sql(node.operand)}) IN (${node.items.map((item) => `'${item.replaceAll("'", "''")}'`).join(', ')})`;
    case 'textEqual':
      return `(${sql(node.left)}) = (${sql(node.right)})`;
    case 'textIsNull':
      return `(${sql(node.operand)}) IS NULL`;
    case 'textChoice':
      return node.condition
        ? `CASE WHEN ${sql(node.condition)} THEN ${sql(node.left)} ELSE ${sql(node.right)} END`
        : `coalesce(${sql(node.left)}, ${sql(node.right)})`;
  }
}

export interface SlotNames {
  /** Index of a reference in `Env.numbers`, or in `Env.texts` for strings. */
  readonly slotOf: (reference: string, type: ValueType) => number;
  readonly zone: Zone;
}

/** The closure of an expression that is not a string. */
export function compileNumber(typed: Typed, slots: SlotNames): NumberFn {
  const { node } = typed;
  switch (node.kind) {
    case 'number': {
      const { value } = node;
      return () => value;
    }
    case 'reference': {
      const slot = slots.slotOf(node.name, typed.type);
      // The slot map and the env are built from one list of references.
      return (env) => env.numbers[slot] as number;
    }
    case 'operation':
      return operations[node.name].js(
        node.args.map((arg) => compileNumber(arg, slots)),
        slots.zone,
      );
    case 'textIn': {
      const operand = compileText(node.operand, slots);
      const items = new Set(node.items);
      return (env) => {
        const value = operand(env);
        return value === null ? Number.NaN : items.has(value) ? 1 : 0;
      };
    }
    case 'textEqual': {
      const left = compileText(node.left, slots);
      const right = compileText(node.right, slots);
      return (env) => {
        const a = left(env);
        const b = right(env);
        return a === null || b === null ? Number.NaN : a === b ? 1 : 0;
      };
    }
    case 'textIsNull': {
      const operand = compileText(node.operand, slots);
      return (env) => (operand(env) === null ? 1 : 0);
    }
    case 'text':
    case 'textChoice':
      return () => Number.NaN;
  }
}

/** The closure of a string expression. */
export function compileText(typed: Typed, slots: SlotNames): TextFn {
  const { node } = typed;
  if (node.kind === 'text') {
    const { value } = node;
    return () => value;
  }
  if (node.kind === 'reference') {
    const slot = slots.slotOf(node.name, 'string');
    return (env) => env.texts[slot] ?? null;
  }
  if (node.kind === 'textChoice') {
    const left = compileText(node.left, slots);
    const right = compileText(node.right, slots);
    if (!node.condition) return (env) => left(env) ?? right(env);
    const condition = compileNumber(node.condition, slots);
    return (env) => (condition(env) === 1 ? left(env) : right(env));
  }
  return () => null;
}
