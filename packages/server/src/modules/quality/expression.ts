/**
 * The small expression language of expectation suites: what users write is parsed here and printed again as SQL, so no text of
 * theirs reaches the database as it is.
 *
 *   or:      and ("or" and)*                         primary: number | 'text' | true | false | null | name | "any name"
 *   and:     not ("and" not)*                                 | function "(" expressions ")" | "(" or ")"
 *   not:     "not" not | compare
 *   compare: sum [(= | == | != | <> | < | <= | > | >=) sum | is [not] null | [not] in (sum, …)
 *                 | [not] between sum and sum | [not] matches 'regex']
 *   sum:     product ((+ | -) product)*     product: sign ((* | / | // | %) sign)*     sign: "-" sign | primary
 *
 * Meaning is SQL's: null in, null out; `/` divides as numbers, `//` cuts off toward zero, dividing by zero gives null. Comparison does not
 * chain. Limits: 2000 characters (in the contract), 64 levels, 500 tokens.
 */
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';

export type Expr =
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'constant'; readonly value: 'true' | 'false' | 'null' }
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
  | { readonly kind: 'unary'; readonly op: '-' | 'not'; readonly arg: Expr }
  | { readonly kind: 'binary'; readonly op: string; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'isNull'; readonly arg: Expr; readonly negated: boolean }
  | { readonly kind: 'in'; readonly arg: Expr; readonly items: readonly Expr[]; readonly negated: boolean }
  | { readonly kind: 'between'; readonly arg: Expr; readonly low: Expr; readonly high: Expr; readonly negated: boolean }
  | { readonly kind: 'matches'; readonly arg: Expr; readonly regex: string; readonly negated: boolean };

/** Position is counted in characters from 1. */
export class ExpressionError extends Error {}

const maxTokens = 500;
const maxDepth = 64;

interface FunctionRow {
  readonly min: number;
  readonly max: number;
  /** Given printed arguments; `text` holds the arguments that are literals. */
  readonly sql: (args: readonly string[], text: readonly (string | undefined)[]) => string;
}

const plain = (name: string, min: number, max = min): FunctionRow => ({
  min,
  max,
  sql: (args) => `${name}(${args.join(', ')})`,
});
const part = (name: string): FunctionRow => ({ min: 1, max: 1, sql: ([a]) => `date_part('${name}', ${a})` });
const between = (unit: string): FunctionRow => ({
  min: 2,
  max: 2,
  sql: ([a, b]) => `date_diff('${unit}', ${a}, ${b})`,
});

const functions: ReadonlyMap<string, FunctionRow> = new Map(
  Object.entries({
    abs: plain('abs', 1),
    ceil: plain('ceil', 1),
    coalesce: plain('coalesce', 1, 10),
    exp: plain('exp', 1),
    floor: plain('floor', 1),
    greatest: plain('greatest', 2, 10),
    least: plain('least', 2, 10),
    length: plain('length', 1),
    ln: plain('ln', 1),
    lower: plain('lower', 1),
    round: plain('round', 1, 2),
    sqrt: plain('sqrt', 1),
    upper: plain('upper', 1),
    if: { min: 3, max: 3, sql: ([a, b, c]) => `CASE WHEN ${a} THEN ${b} ELSE ${c} END` },
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    weekday: part('isodow'),
    minutes_between: between('minute'),
    hours_between: between('hour'),
    days_between: between('day'),
    timestamp: { min: 1, max: 1, sql: ([a]) => `CAST(${a} AS TIMESTAMP)` },
    /** local(instant in UTC, 'IANA zone'): the clock time there. */
    local: {
      min: 2,
      max: 2,
      sql: ([a], [, zone]) => {
        if (zone === undefined || !isZone(zone)) throw new ExpressionError('local() needs an IANA time zone as text');
        return `((${a} AT TIME ZONE 'UTC') AT TIME ZONE ${sqlText(zone)})`;
      },
    },
  }),
);

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'quoted' | 'op' | 'end';
  readonly text: string;
  readonly at: number;
}

const pattern =
  /\s*(?:(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|'(?<text>(?:[^']|'')*)'|"(?<quoted>(?:[^"]|"")+)"|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<op>\/\/|==|!=|<>|<=|>=|[-+*/%=<>(),]))/y;

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const end = source.trimEnd().length;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex;
    const found = pattern.exec(source)?.groups;
    if (found === undefined) {
      const rest = source.slice(at).trimStart();
      throw new ExpressionError(`unexpected "${rest.slice(0, 1)}" at character ${source.length - rest.length + 1}`);
    }
    const next = { at: at + 1 };
    if (found.number !== undefined) tokens.push({ ...next, kind: 'number', text: found.number });
    else if (found.text !== undefined) tokens.push({ ...next, kind: 'text', text: found.text.replaceAll("''", "'") });
    else if (found.quoted !== undefined)
      tokens.push({ ...next, kind: 'quoted', text: found.quoted.replaceAll('""', '"') });
    else if (found.name !== undefined) tokens.push({ ...next, kind: 'name', text: found.name });
    else tokens.push({ ...next, kind: 'op', text: found.op ?? '' });
    if (tokens.length > maxTokens) throw new ExpressionError(`more than ${maxTokens} words and signs`);
  }
  tokens.push({ kind: 'end', text: 'the end', at: source.length + 1 });
  return tokens;
}

const words = new Set(['and', 'or', 'not', 'is', 'null', 'in', 'between', 'matches', 'true', 'false']);
const comparisons: Readonly<Record<string, string>> = {
  '=': '=',
  '==': '=',
  '!=': '<>',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expr {
    const expr = this.#or();
    if (this.#peek().kind !== 'end') this.#fail('an operator');
    return expr;
  }

  #peek(): Token {
    // The list ends in an `end` token that is never consumed.
    return this.#tokens[this.#position] as Token;
  }
  #fail(wanted: string): never {
    const token = this.#peek();
    throw new ExpressionError(
      `expected ${wanted} at character ${token.at}, found ${token.kind === 'end' ? 'the end' : `"${token.text}"`}`,
    );
  }
  #takeOp(...ops: readonly string[]): string | undefined {
    const token = this.#peek();
    if (token.kind !== 'op' || !ops.includes(token.text)) return undefined;
    this.#position++;
    return token.text;
  }
  #takeWord(word: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'name' || token.text.toLowerCase() !== word) return false;
    this.#position++;
    return true;
  }
  #mustOp(op: string): void {
    if (this.#takeOp(op) === undefined) this.#fail(`"${op}"`);
  }
  #nested<T>(parse: () => T): T {
    if (++this.#depth > maxDepth) throw new ExpressionError(`nested deeper than ${maxDepth} levels`);
    const result = parse();
    this.#depth--;
    return result;
  }

  #or(): Expr {
    return this.#nested(() => {
      let left = this.#and();
      while (this.#takeWord('or')) left = { kind: 'binary', op: 'or', left, right: this.#and() };
      return left;
    });
  }
  #and(): Expr {
    let left = this.#not();
    while (this.#takeWord('and')) left = { kind: 'binary', op: 'and', left, right: this.#not() };
    return left;
  }
  #not(): Expr {
    if (this.#takeWord('not')) return this.#nested(() => ({ kind: 'unary', op: 'not', arg: this.#not() }));
    return this.#compare();
  }
  #compare(): Expr {
    const left = this.#sum();
    const op = this.#takeOp(...Object.keys(comparisons));
    if (op !== undefined) return { kind: 'binary', op: comparisons[op] ?? op, left, right: this.#sum() };
    if (this.#takeWord('is')) {
      const negated = this.#takeWord('not');
      if (!this.#takeWord('null')) this.#fail('"null"');
      return { kind: 'isNull', arg: left, negated };
    }
    const negated = this.#takeWord('not');
    if (this.#takeWord('in')) {
      this.#mustOp('(');
      return { kind: 'in', arg: left, items: this.#list(() => this.#sum()), negated };
    }
    if (this.#takeWord('between')) {
      const low = this.#sum();
      if (!this.#takeWord('and')) this.#fail('"and"');
      return { kind: 'between', arg: left, low, high: this.#sum(), negated };
    }
    if (this.#takeWord('matches')) {
      const token = this.#peek();
      if (token.kind !== 'text') this.#fail('a regular expression in single quotes');
      this.#position++;
      return { kind: 'matches', arg: left, regex: token.text, negated };
    }
    if (negated) this.#fail('"in", "between" or "matches"');
    return left;
  }
  #sum(): Expr {
    let left = this.#product();
    for (let op = this.#takeOp('+', '-'); op !== undefined; op = this.#takeOp('+', '-')) {
      left = { kind: 'binary', op, left, right: this.#product() };
    }
    return left;
  }
  #product(): Expr {
    let left = this.#sign();
    for (let op = this.#takeOp('*', '/', '//', '%'); op !== undefined; op = this.#takeOp('*', '/', '//', '%')) {
      left = { kind: 'binary', op, left, right: this.#sign() };
    }
    return left;
  }
  #sign(): Expr {
    if (this.#takeOp('-') !== undefined) return this.#nested(() => ({ kind: 'unary', op: '-', arg: this.#sign() }));
    return this.#primary();
  }
  #list(item: () => Expr): Expr[] {
    const items = [item()];
    while (this.#takeOp(',') !== undefined) items.push(item());
    this.#mustOp(')');
    return items;
  }
  #primary(): Expr {
    const token = this.#peek();
    if (this.#takeOp('(') !== undefined) {
      const inner = this.#or();
      this.#mustOp(')');
      return inner;
    }
    if (token.kind === 'op' || token.kind === 'end') this.#fail('a value');
    this.#position++;
    if (token.kind === 'number') return { kind: 'number', text: token.text };
    if (token.kind === 'text') return { kind: 'text', value: token.text };
    if (token.kind === 'quoted') return { kind: 'column', name: token.text };
    const word = token.text.toLowerCase();
    if (word === 'true' || word === 'false' || word === 'null') return { kind: 'constant', value: word };
    if (words.has(word)) {
      this.#position--;
      this.#fail('a value');
    }
    if (this.#takeOp('(') !== undefined) return this.#call(token, word);
    return { kind: 'column', name: token.text };
  }
  #call(token: Token, name: string): Expr {
    const row = functions.get(name);
    if (row === undefined) {
      throw new ExpressionError(
        `there is no function "${token.text}" (character ${token.at}); there are ${[...functions.keys()].join(', ')}`,
      );
    }
    const args = this.#list(() => this.#or());
    if (args.length < row.min || args.length > row.max) {
      const wanted = row.min === row.max ? String(row.min) : `${row.min} to ${row.max}`;
      throw new ExpressionError(`${name}() takes ${wanted} values, not ${args.length} (character ${token.at})`);
    }
    const call: Expr = { kind: 'call', name, args };
    // Printing checks what only the function knows (a time zone), so that a wrong one fails here and not at the scan.
    row.sql(
      args.map(() => 'NULL'),
      args.map(literalText),
    );
    return call;
  }
}

const literalText = (expr: Expr): string | undefined => (expr.kind === 'text' ? expr.value : undefined);

/** Throws `ExpressionError`. */
export function parseExpression(source: string): Expr {
  return new Parser(tokenize(source)).whole();
}

/** The names that an expression reads, each once, in order of appearance. */
export function columnsOf(expr: Expr, into: Set<string> = new Set()): Set<string> {
  switch (expr.kind) {
    case 'number':
    case 'text':
    case 'constant':
      return into;
    case 'column':
      return into.add(expr.name);
    case 'call':
      for (const arg of expr.args) columnsOf(arg, into);
      return into;
    case 'binary':
      columnsOf(expr.left, into);
      return columnsOf(expr.right, into);
    case 'in':
      columnsOf(expr.arg, into);
      for (const item of expr.items) columnsOf(item, into);
      return into;
    case 'between':
      columnsOf(expr.arg, into);
      columnsOf(expr.low, into);
      return columnsOf(expr.high, into);
    case 'unary':
    case 'isNull':
    case 'matches':
      return columnsOf(expr.arg, into);
  }
}

/** Prints an expression as SQL; `column` gives the SQL of a name. The result is parenthesised. */
export function expressionSql(expr: Expr, column: (name: string) => string = sqlName): string {
  const sql = (e: Expr): string => expressionSql(e, column);
  const not = (negated: boolean): string => (negated ? 'NOT ' : '');
  switch (expr.kind) {
    case 'number':
      // As DOUBLE or BIGINT: a small literal type would let sums of it overflow.
      return /^\d{1,18}$/.test(expr.text) ? `CAST(${expr.text} AS BIGINT)` : `CAST(${expr.text} AS DOUBLE)`;
    case 'text':
      return sqlText(expr.value);
    case 'constant':
      return expr.value.toUpperCase();
    case 'column':
      return column(expr.name);
    case 'call': {
      const row = functions.get(expr.name);
      if (row === undefined) throw new ExpressionError(`there is no function "${expr.name}"`);
      return `(${row.sql(expr.args.map(sql), expr.args.map(literalText))})`;
    }
    case 'unary':
      return expr.op === 'not' ? `(NOT ${sql(expr.arg)})` : `(- ${sql(expr.arg)})`;
    case 'binary':
      return `(${sql(expr.left)} ${expr.op} ${sql(expr.right)})`;
    case 'isNull':
      return `(${sql(expr.arg)} IS ${not(expr.negated)}NULL)`;
    case 'in':
      return `(${sql(expr.arg)} ${not(expr.negated)}IN (${expr.items.map(sql).join(', ')}))`;
    case 'between':
      return `(${sql(expr.arg)} ${not(expr.negated)}BETWEEN ${sql(expr.low)} AND ${sql(expr.high)})`;
    case 'matches':
      return `(${not(expr.negated)}regexp_matches(${sql(expr.arg)}, ${sqlText(expr.regex)}))`;
  }
}
