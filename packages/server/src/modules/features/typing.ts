/**
 * Names, types and ranges of expressions: an untyped tree and a scope go in, a typed tree of `operations` comes out.
 *
 * Every integer node carries its possible range, so that only results that could leave ±(2^53 - 1) are guarded. Constants
 * are folded once here, so that SQL and JavaScript see the same literal.
 */
import type { SlipwayError } from '@slipway/contract';
import type { Expression } from './expression.ts';
import { printExpression } from './expression.ts';
import type { Env, OperationName } from './operations.ts';
import { intMax } from './operations.ts';
import type { Place } from './problem.ts';
import { listNames, problemAt } from './problem.ts';
import { compileNumber } from './typed-code.ts';
import type { Typed, ValueType } from './typed.ts';
import type { Zone } from './zone.ts';

export interface Scope {
  readonly place: Place;
  /** What the names belong to, for messages: `columns of table flights`. */
  readonly subject: string;
  readonly names: ReadonlyMap<string, Typed>;
  /** Present where aggregates over a source's rows may be used. */
  readonly aggregate?: (node: Expression & { kind: 'aggregate' }) => Typed;
  readonly zone: Zone;
}

const integral = new Set<ValueType>(['int', 'time', 'duration']);

export function reference(
  name: string,
  type: ValueType,
  range: { low: number; high: number } = defaultRange(type),
): Typed {
  return { type, ...range, node: { kind: 'reference', name } };
}

function defaultRange(type: ValueType): { low: number; high: number } {
  return integral.has(type) ? { low: -intMax, high: intMax } : { low: -Infinity, high: Infinity };
}

const number = (type: ValueType, value: number): Typed => ({
  type,
  low: integral.has(type) && !Number.isNaN(value) ? value : -Infinity,
  high: integral.has(type) && !Number.isNaN(value) ? value : Infinity,
  node: { kind: 'number', value },
});
const text = (value: string | null): Typed => ({
  type: 'string',
  low: -Infinity,
  high: Infinity,
  node: { kind: 'text', value },
});

const noEnv: Env = { numbers: new Float64Array(0), texts: [] };

function apply(
  name: OperationName,
  args: readonly Typed[],
  type: ValueType,
  context: { readonly zone: Zone; readonly low?: number; readonly high?: number },
): Typed {
  const range = defaultRange(type);
  const typed: Typed = {
    type,
    low: context.low ?? range.low,
    high: context.high ?? range.high,
    node: { kind: 'operation', name, args },
  };
  if (args.every((arg) => arg.node.kind === 'number')) {
    return number(type, compileNumber(typed, { slotOf: () => 0, zone: context.zone })(noEnv));
  }
  return typed;
}

/** Types an expression in a scope. Throws `features_invalid` with the place, the part that is wrong and the remedy. */
export function typeExpression(tree: Expression, scope: Scope): Typed {
  return createTyper(scope)(tree);
}

function createTyper(scope: Scope): (tree: Expression) => Typed {
  const { zone } = scope;
  const fail = (tree: Expression, problem: string, remedy: string): SlipwayError =>
    problemAt(scope.place, printExpression(tree), problem, remedy);

  const guarded = (typed: Typed): Typed =>
    typed.low >= -intMax &&
    typed.high <= intMax &&
    !(typed.node.kind === 'operation' && typed.node.name === 'multiplyInt')
      ? typed
      : apply('guard', [typed], typed.type, {
          zone,
          low: Math.max(typed.low, -intMax),
          high: Math.min(typed.high, intMax),
        });
  const asFloat = (typed: Typed): Typed =>
    typed.type === 'float' ? typed : apply('toFloat', [typed], 'float', { zone });

  /** Brings two operands to one type: int becomes float beside a float, null takes any type. */
  const unify = (tree: Expression, a: Typed, b: Typed): readonly [Typed, Typed, ValueType] => {
    if (a.type === b.type) return [a, b, a.type];
    if (a.type === 'null') return [nullOf(b.type), b, b.type];
    if (b.type === 'null') return [a, nullOf(a.type), a.type];
    if (new Set([a.type, b.type, 'int', 'float']).size === 2) return [asFloat(a), asFloat(b), 'float'];
    throw fail(tree, `mixes ${a.type} and ${b.type}`, 'Convert one side: int(), float(), minutes(), seconds().');
  };
  const nullOf = (type: ValueType): Typed => (type === 'string' ? text(null) : number(type, Number.NaN));
  const want = (tree: Expression, typed: Typed, types: readonly ValueType[]): Typed => {
    if (types.includes(typed.type)) return typed;
    if (typed.type === 'null' && types[0] !== undefined) return nullOf(types[0]);
    throw fail(tree, `is ${typed.type} where ${listNames(types)} is needed`, 'Check the types of its parts.');
  };

  const arithmetic = (tree: Expression & { kind: 'binary' }): Typed => {
    const a = type(tree.left);
    const b = type(tree.right);
    const op = tree.operator;
    const pair = `${a.type} ${op} ${b.type}`;
    const range = (corner: (x: number, y: number) => number): { low: number; high: number } => {
      const corners = [corner(a.low, b.low), corner(a.low, b.high), corner(a.high, b.low), corner(a.high, b.high)];
      return { low: Math.min(...corners), high: Math.max(...corners) };
    };
    const intResult = (name: OperationName, result: ValueType, corner: (x: number, y: number) => number): Typed =>
      guarded(apply(name, [a, b], result, { zone, ...range(corner) }));
    const isNumber = (typed: Typed): boolean => typed.type === 'int' || typed.type === 'float' || typed.type === 'null';
    if (isNumber(a) && isNumber(b)) {
      const bothInt = a.type === 'int' && b.type === 'int';
      if (op === '%') {
        if (!bothInt) throw fail(tree, `is ${pair}`, '% takes two ints.');
        const bound = Math.max(Math.abs(a.low), Math.abs(a.high));
        return apply('remainder', [a, b], 'int', { zone, low: -bound, high: bound });
      }
      if (op === '/' || !bothInt) {
        const name = ({ '+': 'addFloat', '-': 'subtractFloat', '*': 'multiplyFloat', '/': 'divideFloat' } as const)[
          op as '+'
        ];
        return apply(
          name,
          [asFloat(want(tree, a, ['int', 'float'])), asFloat(want(tree, b, ['int', 'float']))],
          'float',
          { zone },
        );
      }
    }
    const results: Readonly<Record<string, readonly [OperationName, ValueType]>> = {
      'int + int': ['addInt', 'int'],
      'int - int': ['subtractInt', 'int'],
      'int * int': ['multiplyInt', 'int'],
      'time - time': ['subtractInt', 'duration'],
      'time + duration': ['addInt', 'time'],
      'duration + time': ['addInt', 'time'],
      'time - duration': ['subtractInt', 'time'],
      'duration + duration': ['addInt', 'duration'],
      'duration - duration': ['subtractInt', 'duration'],
      'duration * int': ['multiplyInt', 'duration'],
      'int * duration': ['multiplyInt', 'duration'],
    };
    const found = results[pair];
    if (found) {
      const corner = { addInt: (x: number, y: number) => x + y, subtractInt: (x: number, y: number) => x - y };
      const product = (x: number, y: number): number => x * y;
      return intResult(found[0], found[1], found[0] in corner ? corner[found[0] as 'addInt'] : product);
    }
    if (pair === 'duration / duration') return apply('divideFloat', [asFloat(a), asFloat(b)], 'float', { zone });
    throw fail(
      tree,
      `is ${pair}, which has no meaning`,
      'Numbers combine with numbers; time - time is a duration; time + duration is a time.',
    );
  };

  const comparison = (tree: Expression & { kind: 'binary' }): Typed => {
    const [a, b, common] = unify(tree, type(tree.left), type(tree.right));
    if (common === 'string') {
      if (tree.operator !== '=' && tree.operator !== '!=') {
        throw fail(tree, 'orders strings', 'Strings know only =, != and in: their order differs between engines.');
      }
      const equal: Typed = { ...number('bool', 0), node: { kind: 'textEqual', left: a, right: b } };
      return tree.operator === '=' ? equal : apply('not', [equal], 'bool', { zone });
    }
    const name = {
      '=': 'equal',
      '!=': 'unequal',
      '<': 'less',
      '<=': 'lessOrEqual',
      '>': 'greater',
      '>=': 'greaterOrEqual',
    } as const;
    return apply(name[tree.operator as '='], [a, b], 'bool', { zone });
  };

  const choice = (tree: Expression, condition: Typed | undefined, first: Typed, second: Typed): Typed => {
    const [a, b, common] = unify(tree, first, second);
    const range = { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
    const hasRange = integral.has(common) && Number.isFinite(range.low) && Number.isFinite(range.high);
    if (common === 'string') return { ...text(null), node: { kind: 'textChoice', condition, left: a, right: b } };
    const context = hasRange ? { zone, ...range } : { zone };
    return condition ? apply('if', [condition, a, b], common, context) : apply('coalesce', [a, b], common, context);
  };

  const call = (tree: Expression & { kind: 'call' }): Typed => {
    const args = tree.args.map(type);
    const at = (i: number): Typed => args[i] ?? number('null', Number.NaN);
    const arity = (low: number, high = low): void => {
      if (args.length < low || args.length > high) {
        throw fail(
          tree,
          `has ${args.length} arguments`,
          `${tree.name} takes ${low === high ? low : `${low} to ${high}`}.`,
        );
      }
    };
    const one = (name: OperationName, takes: ValueType[], gives: ValueType, range: object = {}): Typed => {
      arity(1);
      return apply(name, [want(tree, at(0), takes)], gives, { zone, ...range });
    };
    const rounding = (name: 'floor' | 'ceil' | 'truncate'): Typed =>
      at(0).type === 'int' ? at(0) : one(name, ['float'], 'int');
    switch (tree.name) {
      case 'float':
        arity(1);
        return at(0).type === 'bool'
          ? asFloat(apply('boolToInt', [at(0)], 'int', { zone, low: 0, high: 1 }))
          : asFloat(want(tree, at(0), ['float', 'int']));
      case 'int':
        return at(0).type === 'bool' ? one('boolToInt', ['bool'], 'int', { low: 0, high: 1 }) : rounding('truncate');
      case 'floor':
      case 'ceil':
        return rounding(tree.name);
      case 'round': {
        if (at(0).type === 'int') return at(0);
        arity(1);
        const half = apply('addFloat', [want(tree, at(0), ['float']), number('float', 0.5)], 'float', { zone });
        return apply('floor', [half], 'int', { zone });
      }
      case 'abs': {
        const bound = Math.max(Math.abs(at(0).low), Math.abs(at(0).high));
        if (integral.has(at(0).type) && at(0).type !== 'time')
          return one('absInt', [at(0).type], at(0).type, { low: 0, high: bound });
        return one('absFloat', ['float'], 'float');
      }
      case 'sqrt':
        arity(1);
        return apply('sqrt', [asFloat(want(tree, at(0), ['float', 'int']))], 'float', { zone });
      case 'div': {
        arity(2);
        const bound = Math.max(Math.abs(at(0).low), Math.abs(at(0).high));
        return apply('divideInt', [want(tree, at(0), ['int']), want(tree, at(1), ['int'])], 'int', {
          zone,
          low: -bound,
          high: bound,
        });
      }
      case 'least':
      case 'greatest': {
        arity(2, 20);
        const name = tree.name;
        return args.reduce((left, right) => {
          const [a, b, common] = unify(tree, left, right);
          if (common === 'string' || common === 'bool')
            throw fail(tree, `orders ${common}s`, `${name} takes numbers or times.`);
          const pick = name === 'least' ? Math.min : Math.max;
          return apply(
            name,
            [a, b],
            common,
            integral.has(common) ? { zone, low: pick(a.low, b.low), high: pick(a.high, b.high) } : { zone },
          );
        });
      }
      case 'if':
        arity(2, 3);
        return choice(tree, want(tree, at(0), ['bool']), at(1), at(2));
      case 'coalesce':
        arity(2, 20);
        return args.reduceRight((right, left) => choice(tree, undefined, left, right));
      case 'seconds':
      case 'minutes':
      case 'hours':
      case 'days':
        return one(tree.name, ['duration'], 'int', { low: -intMax / 1e6, high: intMax / 1e6 });
      case 'minute_of_day':
        return one('minuteOfDay', ['time'], 'int', { low: 0, high: 1439 });
      case 'hour_of_day':
        return one('hourOfDay', ['time'], 'int', { low: 0, high: 23 });
      case 'isodow':
        return one('isodow', ['time'], 'int', { low: 1, high: 7 });
      case 'floor_hour':
        return one('floorHour', ['time'], 'time');
      case 'exp':
      case 'ln':
      case 'log':
      case 'sin':
      case 'cos':
      case 'tan':
      case 'atan':
      case 'pow':
        throw fail(
          tree,
          'differs in the last bit between engines',
          'Only + - * / and sqrt are exact everywhere; compute it in the source table, or in the model.',
        );
      default:
        throw fail(tree, `calls the unknown function ${tree.name}`, `Functions: ${functionNames}.`);
    }
  };

  const inList = (tree: Expression & { kind: 'in' }): Typed => {
    const operand = type(tree.operand);
    const negate = (typed: Typed): Typed => (tree.negated ? apply('not', [typed], 'bool', { zone }) : typed);
    if (operand.type === 'string') {
      const items = tree.items.map((item) => {
        if (item.kind !== 'literal' || item.type !== 'string')
          throw fail(item, 'is not a string literal', 'List string literals.');
        return item.value;
      });
      return negate({ ...number('bool', 0), node: { kind: 'textIn', operand, items } });
    }
    const equals = tree.items.map((item) => {
      if (item.kind !== 'literal' || item.type === 'null')
        throw fail(item, 'is not a literal', 'List literals; null is never equal.');
      const [a, b] = unify(tree, operand, type(item));
      return apply('equal', [a, b], 'bool', { zone });
    });
    return negate(equals.reduce((a, b) => apply('or', [a, b], 'bool', { zone })));
  };

  const type = (tree: Expression): Typed => {
    switch (tree.kind) {
      case 'literal':
        if (tree.type === 'string') return text(tree.value);
        if (tree.type === 'bool') return number('bool', tree.value ? 1 : 0);
        return tree.type === 'null' ? number('null', Number.NaN) : number(tree.type, tree.value);
      case 'name': {
        const found = scope.names.get(tree.name);
        if (found) return found;
        throw fail(tree, `is not among the ${scope.subject}`, `Use ${listNames(scope.names.keys())}.`);
      }
      case 'unary': {
        const operand = type(tree.operand);
        if (tree.operator === 'not') return apply('not', [want(tree, operand, ['bool'])], 'bool', { zone });
        if (operand.type === 'float') return apply('negateFloat', [operand], 'float', { zone });
        return apply('negateInt', [want(tree, operand, ['int', 'duration'])], operand.type, {
          zone,
          low: -operand.high,
          high: -operand.low,
        });
      }
      case 'binary':
        if (tree.operator === 'and' || tree.operator === 'or') {
          return apply(
            tree.operator,
            [want(tree, type(tree.left), ['bool']), want(tree, type(tree.right), ['bool'])],
            'bool',
            { zone },
          );
        }
        return '+-*/%'.includes(tree.operator) ? arithmetic(tree) : comparison(tree);
      case 'isNull': {
        const operand = type(tree.operand);
        const isNull: Typed =
          operand.type === 'string'
            ? { ...number('bool', 0), node: { kind: 'textIsNull', operand } }
            : apply('isNull', [operand], 'bool', { zone });
        return tree.negated ? apply('not', [isNull], 'bool', { zone }) : isNull;
      }
      case 'in':
        return inList(tree);
      case 'call':
        return call(tree);
      case 'aggregate':
        if (scope.aggregate) return scope.aggregate(tree);
        throw fail(
          tree,
          'is an aggregate',
          'Aggregates belong in the features of a view that names a source, and cannot be nested.',
        );
    }
  };
  return type;
}

const functionNames =
  'abs, ceil, coalesce, days, div, float, floor, floor_hour, greatest, hour_of_day, hours, if, int, isodow, least, minute_of_day, minutes, round, seconds, sqrt';
