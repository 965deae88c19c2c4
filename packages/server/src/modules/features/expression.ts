/**
 * The expression language of feature definitions: text to tree.
 *
 * Grammar, loosest binding first; keywords are lower case, names may be written in double quotes to escape a keyword:
 *
 *   or      := and ('or' and)*
 *   and     := not ('and' not)*
 *   not     := 'not' not | compare
 *   compare := sum (('=' | '!=' | '<' | '<=' | '>' | '>=') sum | 'is' ['not'] 'null' | ['not'] 'in' '(' literal, … ')')?
 *   sum     := product (('+' | '-') product)*
 *   product := unary (('*' | '/' | '%') unary)*
 *   unary   := '-' unary | primary
 *   primary := literal | name | '(' or ')' | name '(' [or, …] ')' [clause …]
 *   clause  := 'where' or | 'over' duration | 'within' duration | 'smooth' number 'weight' number
 *
 * A duration is an integer and a unit without a space (`90s`, `3h`, `14d`); it becomes integer microseconds. Clauses may
 * follow an aggregate only; `where` inside an aggregate binds as far as it can, so put it last or in parentheses.
 * The tree carries no meaning yet: `typing.ts` gives names, types and null rules.
 */
import { problemAt } from './problem.ts';
import type { Place } from './problem.ts';

export type BinaryOperator = 'or' | 'and' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';

export type Literal =
  | { readonly kind: 'literal'; readonly type: 'int' | 'float' | 'duration'; readonly value: number }
  | { readonly kind: 'literal'; readonly type: 'bool'; readonly value: boolean }
  | { readonly kind: 'literal'; readonly type: 'string'; readonly value: string }
  | { readonly kind: 'literal'; readonly type: 'null'; readonly value: null };

export interface AggregateClauses {
  readonly where?: Expression;
  readonly overUs?: number;
  readonly withinUs?: number;
  readonly smooth?: { readonly prior: number; readonly weight: number };
}

export type Expression =
  | Literal
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: '-' | 'not'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'isNull'; readonly negated: boolean; readonly operand: Expression }
  | {
      readonly kind: 'in';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly items: readonly Expression[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly kind: 'aggregate';
      readonly name: string;
      readonly args: readonly Expression[];
      readonly clauses: AggregateClauses;
    };

/** Functions over rows of a source. Those without an engine are refused by name in `terms.ts`. */
export const aggregateNames: ReadonlySet<string> = new Set([
  'count',
  'sum',
  'mean',
  'rate',
  'last',
  'distinct',
  'std',
  'decayed',
  'previous',
]);

/** Longest accepted expression, in characters, and deepest nesting: a bound for hostile input, far above real use. */
const lengthMax = 4000;
const depthMax = 40;

const keywords = new Set([
  'or',
  'and',
  'not',
  'is',
  'in',
  'null',
  'true',
  'false',
  'where',
  'over',
  'within',
  'smooth',
]);
const unitUs: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
  w: 604_800_000_000,
};
/** Longest duration: ten years. */
export const durationMaxUs: number = 3650 * 86_400_000_000;

interface Token {
  readonly kind: 'number' | 'duration' | 'string' | 'word' | 'quoted' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

const tokenPattern =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([A-Za-z_]\w*)?|([A-Za-z_]\w*)|'((?:[^']|'')*)'|"((?:[^"]|"")+)"|(<=|>=|!=|<>|[-+*/%(),=<>]))/y;

function tokenize(text: string, place: Place): Token[] {
  if (text.length > lengthMax) {
    throw problemAt(place, `${text.length} characters`, `is longer than ${lengthMax}`, 'Split it into source columns.');
  }
  const tokens: Token[] = [];
  let position = 0;
  while (text.slice(position).trim() !== '') {
    tokenPattern.lastIndex = position;
    const match = tokenPattern.exec(text);
    if (!match) {
      const rest = text.slice(position).trimStart();
      throw problemAt(
        place,
        text,
        `has an unexpected "${rest.slice(0, 12)}" at character ${text.length - rest.length + 1}`,
        `Strings take single quotes; operators are + - * / % = != < <= > >= and or not.`,
      );
    }
    position = tokenPattern.lastIndex;
    const at = position - match[0].trimStart().length;
    if (match[1] !== undefined && match[2] !== undefined)
      tokens.push({ kind: 'duration', text: match[1] + match[2], at });
    else if (match[1] !== undefined) tokens.push({ kind: 'number', text: match[1], at });
    else if (match[3] !== undefined) tokens.push({ kind: 'word', text: match[3], at });
    else if (match[4] !== undefined) tokens.push({ kind: 'string', text: match[4].replaceAll("''", "'"), at });
    else if (match[5] !== undefined) tokens.push({ kind: 'quoted', text: match[5].replaceAll('""', '"'), at });
    else tokens.push({ kind: 'symbol', text: match[6] === '<>' ? '!=' : (match[6] ?? ''), at });
  }
  tokens.push({ kind: 'end', text: 'the end', at: text.length });
  return tokens;
}

/** `3h` in microseconds. */
export function parseDuration(text: string, place: Place): number {
  const match = /^(\d+)(us|ms|s|m|h|d|w)$/.exec(text);
  const us = match ? Number(match[1]) * (unitUs[match[2] ?? ''] ?? Number.NaN) : Number.NaN;
  if (!(us <= durationMaxUs)) {
    throw problemAt(
      place,
      text,
      match ? 'is longer than ten years' : 'is not a duration',
      'Write an integer and a unit without a space: 500ms, 90s, 15m, 3h, 14d, 2w.',
    );
  }
  return us;
}

/** Reads one expression. Throws `features_invalid` that names the place, the text and the remedy. */
export function parseExpression(text: string, place: Place): Expression {
  const tokens = tokenize(text, place);
  let index = 0;
  let depth = 0;
  const peek = (): Token => tokens[index] ?? { kind: 'end', text: 'the end', at: text.length };
  const fail = (wanted: string): never => {
    const token = peek();
    throw problemAt(
      place,
      text,
      `has ${token.kind === 'end' ? 'an end' : `"${token.text}"`} at character ${token.at + 1} where ${wanted} was expected`,
      'See the grammar in the guide to features.',
    );
  };
  const is = (kind: Token['kind'], word: string): boolean => peek().kind === kind && peek().text === word;
  const take = (kind: Token['kind'], word: string): boolean => {
    if (!is(kind, word)) return false;
    index++;
    return true;
  };
  const expect = (symbol: string): void => {
    if (!take('symbol', symbol)) fail(`"${symbol}"`);
  };
  const nested = <T>(read: () => T): T => {
    if (++depth > depthMax)
      throw problemAt(place, text, `nests deeper than ${depthMax}`, 'Split it into source columns.');
    const result = read();
    depth--;
    return result;
  };

  const binaryLevel = (operators: readonly BinaryOperator[], kind: 'word' | 'symbol', next: () => Expression) => {
    return (): Expression => {
      let left = next();
      for (;;) {
        const operator = operators.find((candidate) => take(kind, candidate));
        if (!operator) return left;
        left = { kind: 'binary', operator, left, right: next() };
      }
    };
  };
  const number = (): number => {
    const token = peek();
    if (token.kind !== 'number') return fail('a number');
    index++;
    return Number(token.text);
  };
  const duration = (): number => {
    const token = peek();
    if (token.kind !== 'duration') return fail('a duration such as 3h');
    index++;
    return parseDuration(token.text, place);
  };
  const clauses = (): AggregateClauses => {
    let result: AggregateClauses = {};
    for (;;) {
      if (take('word', 'where')) result = { ...result, where: or() };
      else if (take('word', 'over')) result = { ...result, overUs: duration() };
      else if (take('word', 'within')) result = { ...result, withinUs: duration() };
      else if (take('word', 'smooth')) {
        const prior = number();
        if (!take('word', 'weight')) fail('"weight"');
        result = { ...result, smooth: { prior, weight: number() } };
      } else return result;
    }
  };
  const args = (): Expression[] => {
    const list: Expression[] = [];
    if (take('symbol', ')')) return list;
    do list.push(or());
    while (take('symbol', ','));
    expect(')');
    return list;
  };
  const literal = (): Literal | undefined => {
    const token = peek();
    if (token.kind === 'number') {
      index++;
      const isInteger = /^\d+$/.test(token.text);
      if (isInteger && !Number.isSafeInteger(Number(token.text))) {
        throw problemAt(place, token.text, 'is outside ±(2^53 - 1)', 'Write it as a float, with a decimal point.');
      }
      return { kind: 'literal', type: isInteger ? 'int' : 'float', value: Number(token.text) };
    }
    if (token.kind === 'duration') return { kind: 'literal', type: 'duration', value: duration() };
    if (token.kind === 'string') {
      index++;
      return { kind: 'literal', type: 'string', value: token.text };
    }
    if (take('word', 'true')) return { kind: 'literal', type: 'bool', value: true };
    if (take('word', 'false')) return { kind: 'literal', type: 'bool', value: false };
    if (take('word', 'null')) return { kind: 'literal', type: 'null', value: null };
    return undefined;
  };
  const primary = (): Expression => {
    const found = literal();
    if (found) return found;
    if (take('symbol', '(')) {
      const inner = or();
      expect(')');
      return inner;
    }
    const token = peek();
    if (token.kind === 'quoted') {
      index++;
      return { kind: 'name', name: token.text };
    }
    if (token.kind !== 'word' || keywords.has(token.text)) return fail('a value');
    index++;
    if (!take('symbol', '(')) return { kind: 'name', name: token.text };
    const list = args();
    const tail = clauses();
    const isAggregate = aggregateNames.has(token.text) || Object.keys(tail).length > 0;
    return isAggregate
      ? { kind: 'aggregate', name: token.text, args: list, clauses: tail }
      : { kind: 'call', name: token.text, args: list };
  };
  const unary = (): Expression =>
    nested(() => {
      if (!take('symbol', '-')) return primary();
      const operand = unary();
      if (operand.kind === 'literal' && (operand.type === 'int' || operand.type === 'float')) {
        // Adding zero keeps a negative zero out of the tree.
        return { ...operand, value: -operand.value + 0 };
      }
      return { kind: 'unary', operator: '-', operand };
    });
  const product = binaryLevel(['*', '/', '%'], 'symbol', unary);
  const sum = binaryLevel(['+', '-'], 'symbol', product);
  const compare = (): Expression => {
    const left = sum();
    if (take('word', 'is')) {
      const negated = take('word', 'not');
      if (!take('word', 'null')) fail('"null"');
      return { kind: 'isNull', negated, operand: left };
    }
    const negated = is('word', 'not') && tokens[index + 1]?.text === 'in' && take('word', 'not');
    if (take('word', 'in')) {
      expect('(');
      const items = args();
      if (items.length === 0) fail('at least one literal');
      return { kind: 'in', negated, operand: left, items };
    }
    const operator = (['<=', '>=', '!=', '=', '<', '>'] as const).find((candidate) => take('symbol', candidate));
    return operator ? { kind: 'binary', operator, left, right: sum() } : left;
  };
  const not = (): Expression =>
    nested(() => (take('word', 'not') ? { kind: 'unary', operator: 'not', operand: not() } : compare()));
  const and = binaryLevel(['and'], 'word', not);
  const or: () => Expression = binaryLevel(['or'], 'word', and);

  if (peek().kind === 'end') throw problemAt(place, text, 'is empty', 'Write an expression.');
  const result = or();
  if (peek().kind !== 'end') fail('the end');
  return result;
}

/** One spelling per tree, fully parenthesised: what enters the digest, so that spaces and units (`1h`, `60m`) do not matter. */
export function printExpression(tree: Expression): string {
  switch (tree.kind) {
    case 'literal':
      if (tree.type === 'string') return `'${tree.value.replaceAll("'", "''")}'`;
      if (tree.type === 'duration') return `${tree.value}us`;
      if (tree.type === 'float' && Number.isInteger(tree.value)) return tree.value.toExponential();
      return String(tree.value);
    case 'name':
      return /^[A-Za-z_]\w*$/.test(tree.name) && !keywords.has(tree.name)
        ? tree.name
        : `"${tree.name.replaceAll('"', '""')}"`;
    case 'unary':
      return tree.operator === '-' ? `-(${printExpression(tree.operand)})` : `(not ${printExpression(tree.operand)})`;
    case 'binary':
      return `(${printExpression(tree.left)} ${tree.operator} ${printExpression(tree.right)})`;
    case 'isNull':
      return `(${printExpression(tree.operand)} is ${tree.negated ? 'not ' : ''}null)`;
    case 'in':
      return `(${printExpression(tree.operand)} ${tree.negated ? 'not ' : ''}in (${tree.items.map(printExpression).join(', ')}))`;
    case 'call':
      return `${tree.name}(${tree.args.map(printExpression).join(', ')})`;
    case 'aggregate': {
      const { where, overUs, withinUs, smooth } = tree.clauses;
      const parts = [`${tree.name}(${tree.args.map(printExpression).join(', ')})`];
      if (overUs !== undefined) parts.push(`over ${overUs}us`);
      if (withinUs !== undefined) parts.push(`within ${withinUs}us`);
      if (smooth) parts.push(`smooth ${smooth.prior} weight ${smooth.weight}`);
      // A condition reaches as far as it can, so the whole is put in parentheses.
      return where ? `(${parts.join(' ')} where ${printExpression(where)})` : parts.join(' ');
    }
  }
}
