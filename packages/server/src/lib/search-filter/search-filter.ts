/**
 * The language of search filters: `metrics.auc > 0.7 and (params.model = 'gbt' or tags.kind like 'refit%')`.
 *
 * Grammar (words in any case):
 *   filter     = conjunct { OR conjunct }            conjunct = factor { AND factor }
 *   factor     = NOT factor | '(' filter ')' | comparison
 *   comparison = field op value | field [NOT] IN '(' value {',' value} ')' | field IS [NOT] NULL
 *   field      = [entity '.'] key        key = word | `any text` | "any text"
 *   op         = = | != | < | <= | > | >= | LIKE | ILIKE       value = number | 'text' | "text"
 * A filter that uses AND only means what it means to an MLflow server; OR, NOT and parentheses are additions.
 * Which entities, keys and operators exist is the caller's business: it walks the tree and reports with `filterError`.
 * Cost: linear in the text. Limits: below.
 */
import { SlipwayError } from '@slipway/contract';

export const filterLimitChars = 20_000;
export const comparisonsMax = 100;
export const depthMax = 50;

export type ComparisonOperator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'like' | 'ilike';

export type FilterTest =
  | { readonly op: ComparisonOperator; readonly value: string | number }
  | { readonly op: 'in' | 'not in'; readonly values: readonly (string | number)[] }
  | { readonly op: 'is null' | 'is not null' };

export interface Field {
  /** As the language names it, aliases resolved. */
  readonly entity: string;
  readonly key: string;
}

export interface Comparison extends Field {
  readonly kind: 'comparison';
  readonly test: FilterTest;
  /** Where it begins in the text, from 0. */
  readonly position: number;
}

export type Filter =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter };

/** Which words may stand before the dot, and what a key without one belongs to. */
export interface FilterLanguage {
  /** Spelling (lower case) to entity. */
  readonly entities: Readonly<Record<string, string>>;
  readonly defaultEntity: string;
}

export interface OrderKey extends Field {
  readonly ascending: boolean;
}

type TokenKind = 'word' | 'number' | 'quoted' | 'backquoted' | 'symbol' | 'end';
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly position: number;
}

export function filterError(filter: string, position: number, problem: string): SlipwayError {
  const shown = filter.length > 200 ? `${filter.slice(0, 200)}…` : filter;
  return new SlipwayError('filter_invalid', { problem, position: position + 1, filter: shown });
}

const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['number', /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w])/y],
  ['word', /[\p{L}_][\p{L}\p{N}_]*(?:[./-][\p{L}\p{N}_]+)*/uy],
  ['quoted', /'(?:[^']|'')*'|"(?:[^"]|"")*"/y],
  ['backquoted', /`[^`]*`/y],
  ['symbol', /!=|<=|>=|[=<>(),.]/y],
];

function* tokens(text: string): Generator<Token> {
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text.charAt(at))) at++;
    if (at >= text.length) break;
    const start = at;
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (!found) continue;
      at = pattern.lastIndex;
      yield { kind, text: found[0], position: start };
      break;
    }
    if (at === start) throw filterError(text, at, `"${text.charAt(at)}" has no meaning here; quote texts with '…'`);
  }
  yield { kind: 'end', text: '', position: text.length };
}

const unquote = (token: string): string => {
  const quote = token.charAt(0);
  const inner = token.slice(1, -1);
  return quote === '`' ? inner : inner.replaceAll(quote + quote, quote);
};

class Reader {
  readonly source: string;
  readonly language: FilterLanguage;
  private readonly list: readonly Token[];
  private next = 0;
  private comparisons = 0;

  constructor(source: string, language: FilterLanguage) {
    if (source.length > filterLimitChars)
      throw filterError(source, filterLimitChars, `it is longer than ${filterLimitChars} characters`);
    this.source = source;
    this.language = language;
    this.list = [...tokens(source)];
  }

  peek(ahead = 0): Token {
    return this.list[Math.min(this.next + ahead, this.list.length - 1)] as Token; // the list ends with `end`, so it is never empty
  }
  take(): Token {
    const token = this.peek();
    this.next++;
    return token;
  }
  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'word' && token.text.toLowerCase() === word;
  }
  takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.next++;
    return true;
  }
  takeSymbol(symbol: string): boolean {
    const token = this.peek();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.next++;
    return true;
  }
  fail(problem: string, token: Token = this.peek()): SlipwayError {
    const got = token.kind === 'end' ? 'the filter ends' : `"${token.text}" stands`;
    return filterError(this.source, token.position, `${problem}, but ${got} there`);
  }

  any(depth: number): Filter {
    if (depth > depthMax)
      throw filterError(this.source, this.peek().position, `it is nested deeper than ${depthMax} levels`);
    return this.chain('or', () => this.chain('and', () => this.factor(depth)));
  }

  chain(kind: 'and' | 'or', part: () => Filter): Filter {
    const first = part();
    const parts = [first];
    while (this.takeWord(kind)) parts.push(part());
    return parts.length === 1 ? first : { kind, parts };
  }

  factor(depth: number): Filter {
    if (this.takeWord('not')) {
      if (depth > depthMax) throw this.fail(`it is nested deeper than ${depthMax} levels`);
      return { kind: 'not', part: this.factor(depth + 1) };
    }
    if (this.takeSymbol('(')) {
      const inner = this.any(depth + 1);
      if (!this.takeSymbol(')')) throw this.fail('")" was expected');
      return inner;
    }
    return this.comparison();
  }

  field(): Field {
    const first = this.take();
    if (first.kind !== 'word' && first.kind !== 'quoted' && first.kind !== 'backquoted')
      throw this.fail('a field such as metrics.auc was expected', first);
    if (first.kind !== 'word') return { entity: this.language.defaultEntity, key: unquote(first.text) };
    const [head = '', ...rest] = first.text.split('.');
    const isQuotedKey = rest.length === 0 && this.takeSymbol('.');
    if (rest.length === 0 && !isQuotedKey) return { entity: this.language.defaultEntity, key: first.text };
    const { entities } = this.language;
    const entity = Object.hasOwn(entities, head.toLowerCase()) ? entities[head.toLowerCase()] : undefined;
    if (entity === undefined) {
      const known = [...new Set(Object.values(entities))].join(', ');
      throw filterError(this.source, first.position, `"${head}" is not one of ${known}`);
    }
    if (!isQuotedKey) return { entity, key: rest.join('.') };
    const key = this.take();
    if (key.kind !== 'quoted' && key.kind !== 'backquoted') throw this.fail('a key was expected after the dot', key);
    return { entity, key: unquote(key.text) };
  }

  value(): string | number {
    const token = this.take();
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'quoted') return unquote(token.text);
    throw this.fail("a number or a quoted text such as 'gbt' was expected", token);
  }

  values(): readonly (string | number)[] {
    if (!this.takeSymbol('(')) throw this.fail('"(" was expected after IN');
    const values = [this.value()];
    while (this.takeSymbol(',')) {
      if (this.peek().kind === 'symbol' && this.peek().text === ')') break;
      values.push(this.value());
    }
    if (!this.takeSymbol(')')) throw this.fail('")" was expected after the list');
    return values;
  }

  test(): FilterTest {
    if (this.takeWord('is')) {
      const not = this.takeWord('not');
      if (!this.takeWord('null')) throw this.fail('NULL was expected');
      return { op: not ? 'is not null' : 'is null' };
    }
    if (this.isWord('not') && this.isWord('in', 1)) {
      this.take();
      this.take();
      return { op: 'not in', values: this.values() };
    }
    if (this.takeWord('in')) return { op: 'in', values: this.values() };
    if (this.takeWord('like')) return { op: 'like', value: this.value() };
    if (this.takeWord('ilike')) return { op: 'ilike', value: this.value() };
    const op = this.take();
    if (op.kind === 'symbol' && ['=', '!=', '<', '<=', '>', '>='].includes(op.text)) {
      // The list above is exactly the symbols of ComparisonOperator.
      return { op: op.text as ComparisonOperator, value: this.value() };
    }
    throw this.fail('an operator such as = or LIKE was expected', op);
  }

  comparison(): Comparison {
    const { position } = this.peek();
    if (++this.comparisons > comparisonsMax)
      throw filterError(this.source, position, `it has more than ${comparisonsMax} comparisons`);
    const field = this.field();
    return { kind: 'comparison', ...field, test: this.test(), position };
  }
}

/** The tree of a filter, or undefined for an empty one. Throws `filter_invalid`. */
export function parseFilter(text: string, language: FilterLanguage): Filter | undefined {
  if (text.trim() === '') return undefined;
  const reader = new Reader(text, language);
  const filter = reader.any(0);
  if (reader.peek().kind !== 'end') throw reader.fail('AND, OR or the end was expected');
  return filter;
}

/** One sort key such as `metrics.auc DESC`. Ascending unless said. Throws `order_invalid`. */
export function parseOrderKey(text: string, language: FilterLanguage): OrderKey {
  try {
    const reader = new Reader(text, language);
    const field = reader.field();
    const ascending = reader.takeWord('asc') || !reader.takeWord('desc');
    if (reader.peek().kind !== 'end') throw reader.fail('ASC, DESC or the end was expected');
    return { ...field, ascending };
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    throw new SlipwayError('order_invalid', {
      value: text.slice(0, 200),
      problem: error.details['problem'] ?? error.message,
    });
  }
}

/** Calls `visit` on every comparison of the tree. */
export function eachComparison(filter: Filter, visit: (comparison: Comparison) => void): void {
  if (filter.kind === 'comparison') visit(filter);
  else if (filter.kind === 'not') eachComparison(filter.part, visit);
  else for (const part of filter.parts) eachComparison(part, visit);
}
