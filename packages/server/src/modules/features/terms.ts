/**
 * Aggregates of a definition become terms over shared cells: equal (source, keys, window, measure) are kept once, however
 * many features use them. Measures are integers, so that the order of additions cannot matter; float inputs become fixed
 * point first (2^-20), and the one division happens when a term is read.
 */
import type { Expression } from './expression.ts';
import { aggregateNames, printExpression } from './expression.ts';
import { intMax } from './operations.ts';
import type { RowSource } from './plan.ts';
import type { Place } from './problem.ts';
import { listNames, problemAt } from './problem.ts';
import type { Typed } from './typed.ts';
import { typedKey } from './typed.ts';
import { reference, typeExpression } from './typing.ts';
import type { Zone } from './zone.ts';

/** Steps of a float input per unit. */
export const fixedPointScale: number = 2 ** 20;

export interface MeasurePlan {
  readonly index: number;
  readonly value: Typed;
}

export interface WindowPlan {
  /** A row leaves at event time + width. */
  readonly widthUs: number;
  readonly cells: { readonly cell: number; readonly measure: number }[];
}

/** The last row of a key: values to keep, and a condition that a row must meet to become the last. */
export interface LastPlan {
  readonly index: number;
  readonly where: Typed | undefined;
  readonly values: Typed[];
  /** Longest ttl of its readers; Infinity when one has none. */
  keepUs: number;
}

export interface GroupPlan {
  readonly index: number;
  /** Keys of the source, sorted: the parts of the group's key. */
  readonly keys: readonly string[];
  readonly windows: WindowPlan[];
  cellCount: number;
  readonly lasts: LastPlan[];
}

export interface LookupPlan {
  readonly index: number;
  readonly source: number;
  readonly group: number;
  /** In the order of the group's keys, over the request. */
  readonly values: readonly Typed[];
}

export type TermPlan =
  | {
      readonly kind: 'sum';
      readonly lookup: number;
      readonly window: number;
      /** Numerator's cell. */
      readonly sum: number;
      /** Denominator's cell; absent for counts and sums. */
      readonly count: number | undefined;
      /** The sum is in steps of 1 / scale. */
      readonly scale: number;
      readonly smooth: { readonly add: number; readonly weight: number } | undefined;
      readonly type: 'int' | 'float';
    }
  | {
      readonly kind: 'last';
      readonly lookup: number;
      readonly last: number;
      readonly value: number;
      /** Inclusive, on event time; Infinity without a ttl. */
      readonly ttlUs: number;
      readonly type: Typed['type'];
    };

export interface TermView {
  readonly source: RowSource;
  readonly keys: readonly { readonly name: string; readonly value: Typed }[];
  readonly place: Place;
  readonly isClosed: boolean;
  readonly withinUs: number | undefined;
}

type Aggregate = Expression & { kind: 'aggregate' };

const supported = new Set(['count', 'sum', 'mean', 'rate', 'last']);

export interface TermBuilder {
  readonly lookups: LookupPlan[];
  readonly terms: TermPlan[];
  /** The aggregate function of a view's scope, for the feature at `place`. */
  forView(view: TermView): (place: Place) => (node: Aggregate) => Typed;
}

export function createTermBuilder(sources: readonly RowSource[], zone: Zone): TermBuilder {
  const lookups: LookupPlan[] = [];
  const terms: TermPlan[] = [];
  const shared = <T>(list: T[], isEqual: (item: T) => boolean, create: (index: number) => T): T => {
    const found = list.find(isEqual);
    if (found) return found;
    const made = create(list.length);
    list.push(made);
    return made;
  };

  const groupOf = (view: TermView): { readonly group: GroupPlan; readonly lookup: LookupPlan } => {
    const keys = [...view.keys].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const key of keys) {
      const place = [...view.place, 'entity', key.name];
      const sourceKey = view.source.keys.find(({ name }) => name === key.name);
      if (!sourceKey) {
        throw problemAt(
          place,
          key.name,
          `is not a key of source ${view.source.name}`,
          `Keys: ${listNames(view.source.keys.map(({ name }) => name))}.`,
        );
      }
      if (sourceKey.type !== key.value.type) {
        throw problemAt(
          place,
          key.value.type,
          `is compared with key ${key.name}, which is ${sourceKey.type}`,
          'Make the two types equal.',
        );
      }
    }
    const names = keys.map(({ name }) => name);
    const group = shared(
      view.source.groups,
      (candidate) => candidate.keys.join() === names.join(),
      (index) => ({ index, keys: names, windows: [], cellCount: 0, lasts: [] }),
    );
    const values = keys.map(({ value }) => value);
    const identity = JSON.stringify([view.source.index, group.index, values.map(typedKey)]);
    const lookup = shared(
      lookups,
      (candidate) => JSON.stringify([candidate.source, candidate.group, candidate.values.map(typedKey)]) === identity,
      (index) => ({ index, source: view.source.index, group: group.index, values }),
    );
    return { group, lookup };
  };

  const cellOf = (source: RowSource, group: GroupPlan, window: WindowPlan, value: Typed): number => {
    const key = typedKey(value);
    const measure = shared(
      source.measures,
      (candidate) => typedKey(candidate.value) === key,
      (index) => ({ index, value }),
    );
    return shared(
      window.cells,
      (candidate) => candidate.measure === measure.index,
      () => ({ cell: group.cellCount++, measure: measure.index }),
    ).cell;
  };

  const add = (term: TermPlan): Typed => {
    const key = JSON.stringify(term, infinityAsText);
    const index = terms.findIndex((candidate) => JSON.stringify(candidate, infinityAsText) === key);
    if (index < 0) terms.push(term);
    const name = `#${index < 0 ? terms.length - 1 : index}`;
    // A count of rows cannot pass 2^40: the log of a source is bounded by memory far below that.
    const isCount = term.kind === 'sum' && term.type === 'int' && term.count === undefined && term.scale === 0;
    return isCount ? reference(name, 'int', { low: 0, high: 2 ** 40 }) : reference(name, term.type);
  };

  const forView = (view: TermView) => {
    const { source } = view;
    const { group, lookup } = groupOf(view);
    return (place: Place) =>
      (node: Aggregate): Typed => {
        const shown = printExpression(node);
        const fail = (problem: string, remedy: string): Error => problemAt(place, shown, problem, remedy);
        if (!aggregateNames.has(node.name))
          throw fail(`uses ${node.name} as an aggregate`, `Aggregates: ${listNames(supported)}.`);
        if (!supported.has(node.name))
          throw fail('uses an aggregate that this version does not compute', `Use ${listNames(supported)}.`);
        const scope = { place, subject: `columns of source ${source.name}`, names: source.rowNames, zone };
        const row = (tree: Expression): Typed => typeExpression(tree, scope);
        const where = node.clauses.where && row(node.clauses.where);
        if (where && where.type !== 'bool') throw fail(`has a condition of type ${where.type}`, 'where takes a bool.');
        const argument = node.args[0] && row(node.args[0]);
        if (node.args.length > 1 || (!argument && node.name !== 'count')) {
          throw fail(`has ${node.args.length} arguments`, `${node.name} takes one.`);
        }
        return node.name === 'last'
          ? lastTerm({ node, argument, where, fail })
          : sumTerm({ node, argument, where, fail, scope });
      };

    interface Parts {
      readonly node: Aggregate;
      readonly argument: Typed | undefined;
      readonly where: Typed | undefined;
      readonly fail: (problem: string, remedy: string) => Error;
    }

    function lastTerm({ node, argument, where, fail }: Parts): Typed {
      const { overUs, smooth, withinUs = view.withinUs } = node.clauses;
      if (overUs !== undefined || smooth) throw fail('has a window', 'last takes `within`, not `over` or `smooth`.');
      if (!argument || argument.type === 'string')
        throw fail('is the last of a string', "Features are numbers: compare it, as in last(x = 'a').");
      const whereKey = where ? typedKey(where) : '';
      const last = shared(
        group.lasts,
        (candidate) => (candidate.where ? typedKey(candidate.where) : '') === whereKey,
        (index): LastPlan => ({ index, where, values: [], keepUs: 0 }),
      );
      const ttlUs = withinUs ?? Infinity;
      last.keepUs = Math.max(last.keepUs, ttlUs);
      const key = typedKey(argument);
      let value = last.values.findIndex((candidate) => typedKey(candidate) === key);
      if (value < 0) value = last.values.push(argument) - 1;
      return add({ kind: 'last', lookup: lookup.index, last: last.index, value, ttlUs, type: argument.type });
    }

    function sumTerm({
      node,
      argument,
      where,
      fail,
      scope,
    }: Parts & { readonly scope: Parameters<typeof typeExpression>[1] }): Typed {
      const { overUs, smooth, withinUs } = node.clauses;
      if (withinUs !== undefined) throw fail('has `within`', `${node.name} takes a window: over 3h.`);
      if (overUs === undefined || overUs === 0) throw fail('has no window', 'Say how far back it looks: over 3h.');
      if (smooth && node.name !== 'rate' && node.name !== 'mean')
        throw fail('is smoothed', 'smooth belongs to rate and mean.');
      if (smooth && !(smooth.weight > 0))
        throw fail('has a weight that is not above zero', 'Give a weight such as 10.');
      const widthUs = overUs + (view.isClosed ? 1 : 0);
      const window = shared(
        group.windows,
        (candidate) => candidate.widthUs === widthUs,
        () => ({ widthUs, cells: [] }),
      );
      const names = new Map<string, Typed>([
        ...(argument ? [['x', argument] as const] : []),
        ...(where ? [['c', where] as const] : []),
      ]);
      const build = (text: Expression): Typed => typeExpression(text, { ...scope, names });
      const cell = (value: Expression): number => {
        const conditional: Expression = where ? call('if', nameOf('c'), value, int(0)) : value;
        return cellOf(source, group, window, build(conditional));
      };
      const common = {
        kind: 'sum',
        lookup: lookup.index,
        window: group.windows.indexOf(window),
        smooth: undefined,
      } as const;
      const present = call('if', { kind: 'isNull', negated: false, operand: nameOf('x') }, int(0), int(1));
      if (node.name === 'count') {
        return add({ ...common, sum: cell(argument ? present : int(1)), count: undefined, scale: 0, type: 'int' });
      }
      const type = argument?.type;
      if (node.name === 'rate' ? type !== 'bool' : type !== 'int' && type !== 'float') {
        throw fail(
          `takes a ${type ?? 'value'}`,
          node.name === 'rate' ? 'rate takes a bool, as in rate(delay > 15).' : `${node.name} takes an int or a float.`,
        );
      }
      let number: Expression = nameOf('x');
      if (type === 'bool') number = call('int', number);
      const scale = type === 'float' ? fixedPointScale : 1;
      if (type === 'float') {
        // Values beyond ±2^33 do not fit the fixed point and count as null, on both sides.
        names.set(
          'x',
          build(
            call('round', {
              kind: 'binary',
              operator: '*',
              left: number,
              right: { kind: 'literal', type: 'float', value: scale },
            }),
          ),
        );
      }
      const sum = cell(call('coalesce', number, int(0)));
      if (node.name === 'sum')
        return add({ ...common, sum, count: undefined, scale, type: type === 'float' ? 'float' : 'int' });
      return add({
        ...common,
        sum,
        count: cell(present),
        scale,
        smooth: smooth && { add: smooth.prior * smooth.weight, weight: smooth.weight },
        type: 'float',
      });
    }
  };
  return { lookups, terms, forView };
}

/** The width after which a group no longer needs a row: its longest window or ttl. */
export function retentionOf(group: GroupPlan): number {
  const widths = [...group.windows.map(({ widthUs }) => widthUs), ...group.lasts.map(({ keepUs }) => keepUs + 1)];
  return Math.max(...widths);
}

/** Largest sum that is exact; beyond it a sum reads as null. */
export const sumMax: number = intMax;

const int = (value: number): Expression => ({ kind: 'literal', type: 'int', value });
const nameOf = (name: string): Expression => ({ kind: 'name', name });
const call = (name: string, ...args: readonly Expression[]): Expression => ({ kind: 'call', name, args });
const infinityAsText = (_: string, value: unknown): unknown => (value === Infinity ? 'Infinity' : value);
