/** Expressions whose names, types and ranges are known. */
import type { OperationName } from './operations.ts';

export type ValueType = 'int' | 'float' | 'bool' | 'string' | 'time' | 'duration' | 'null';

/** A typed node. `low` and `high` bound integers, times and durations; they are infinite for other types. */
export interface Typed {
  readonly type: ValueType;
  readonly low: number;
  readonly high: number;
  readonly node:
    | { readonly kind: 'number'; readonly value: number }
    | { readonly kind: 'text'; readonly value: string | null }
    | { readonly kind: 'reference'; readonly name: string }
    | { readonly kind: 'operation'; readonly name: OperationName; readonly args: readonly Typed[] }
    /** Strings know only these four; `items` are literals. */
    | { readonly kind: 'textIn'; readonly operand: Typed; readonly items: readonly string[] }
    | { readonly kind: 'textEqual'; readonly left: Typed; readonly right: Typed }
    | { readonly kind: 'textIsNull'; readonly operand: Typed }
    | {
        readonly kind: 'textChoice';
        readonly condition: Typed | undefined;
        readonly left: Typed;
        readonly right: Typed;
      };
}

/** The names that an expression reads. */
export function referencesOf(typed: Typed, into: Set<string> = new Set()): Set<string> {
  const { node } = typed;
  if (node.kind === 'reference') into.add(node.name);
  else if (node.kind === 'operation') for (const arg of node.args) referencesOf(arg, into);
  else if (node.kind === 'textIn' || node.kind === 'textIsNull') referencesOf(node.operand, into);
  else if (node.kind === 'textEqual' || node.kind === 'textChoice') {
    referencesOf(node.left, into);
    referencesOf(node.right, into);
    if (node.kind === 'textChoice' && node.condition) referencesOf(node.condition, into);
  }
  return into;
}

/** A key that is equal for equal trees: used to share accumulators between features. */
export function typedKey(typed: Typed): string {
  return JSON.stringify(typed, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
}
