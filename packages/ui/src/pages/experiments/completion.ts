/**
 * What may stand at the caret of a filter: the same language as the server's, read only as far as the caret.
 *
 * Idea: the words before the caret are walked with a machine of four states (a field, an operator, a value or a connective
 * comes next); the piece that the caret touches is what is being typed and will be replaced.
 */
export type Kind = 'metric' | 'param' | 'tag' | 'attribute';

interface Piece {
  readonly text: string;
  readonly from: number;
}

export interface FieldPart {
  readonly kind: Kind;
  readonly key: string;
}

export interface Completion {
  /** The text from here to the caret is replaced. */
  readonly from: number;
  readonly typed: string;
  readonly wants: 'field' | 'operator' | 'value' | 'connective';
  /** What the operator or the value belongs to. */
  readonly field?: FieldPart;
}

const pieces =
  /(?:[\p{L}_][\p{L}\p{N}_./-]*)?`[^`]*`?|[\p{L}_][\p{L}\p{N}_./-]*|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|!=|<=|>=|[=<>!(),]|[^\s=<>!(),'"`]+/gu;

const kinds: Readonly<Record<string, Kind>> = {
  metric: 'metric',
  metrics: 'metric',
  param: 'param',
  params: 'param',
  parameter: 'param',
  parameters: 'param',
  tag: 'tag',
  tags: 'tag',
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  run: 'attribute',
};

/** `metrics.auc`, "params.`a b`" or `name` as kind and key; what is not yet closed counts as it stands. */
export function fieldPart(text: string): FieldPart {
  const dot = text.indexOf('.');
  const kind = dot < 0 ? undefined : kinds[text.slice(0, dot).toLowerCase()];
  const key = kind === undefined ? text : text.slice(dot + 1);
  return { kind: kind ?? 'attribute', key: key.replaceAll('`', '') };
}

const isOperator = (text: string): boolean => /^(?:!=|<=|>=|[=<>]|i?like)$/i.test(text);

export function completionAt(text: string, caret: number): Completion {
  const before = text.slice(0, caret);
  const found: Piece[] = [...before.matchAll(pieces)].map((m) => ({ text: m[0], from: m.index }));
  const last = found.at(-1);
  const isTouched = last !== undefined && last.from + last.text.length === caret && !/^[(),]$/.test(last.text);
  // An operator of signs is whole as it stands; a closed quotation is a finished value.
  const isWhole = last !== undefined && /^(?:[=<>]|[!<>]=|'(?:[^']|'')*'|"(?:[^"]|"")*")$/.test(last.text);
  const typed = isTouched && !isWhole ? last : undefined;
  const state = walk(typed === undefined ? found : found.slice(0, -1));
  return { from: typed?.from ?? caret, typed: typed?.text ?? '', ...state };
}

type State = Pick<Completion, 'wants' | 'field'>;

function walk(found: readonly Piece[]): State {
  let state: State = { wants: 'field' };
  for (const { text } of found) state = after(state, text);
  return state;
}

const ofField = (wants: Completion['wants'], { field }: State): State =>
  field === undefined ? { wants } : { wants, field };

function after(state: State, piece: string): State {
  const word = piece.toLowerCase();
  switch (state.wants) {
    case 'field':
      return word === '(' || word === 'not' ? state : { wants: 'operator', field: fieldPart(piece) };
    case 'operator':
      if (word === 'is' || word === 'not') return state;
      if (word === 'null') return { wants: 'connective' };
      return word === 'in' || isOperator(word) ? ofField('value', state) : state;
    case 'value':
      return word === '(' || word === ',' ? state : ofField('connective', state);
    case 'connective':
      if (word === 'and' || word === 'or') return { wants: 'field' };
      // Inside of `in ('a', 'b')` another value may follow.
      return word === ',' ? ofField('value', state) : state;
  }
}

export interface Attribute {
  readonly key: string;
  readonly isNumber: boolean;
}

export const attributes: readonly Attribute[] = [
  { key: 'name', isNumber: false },
  { key: 'status', isNumber: false },
  { key: 'user', isNumber: false },
  { key: 'id', isNumber: false },
  { key: 'startedAt', isNumber: true },
  { key: 'endedAt', isNumber: true },
];

const numberOperators = ['=', '!=', '>', '>=', '<', '<='];
const textOperators = ['=', '!=', 'like', 'ilike', 'in', 'not in', 'is null', 'is not null'];

export function operatorsOf(field: FieldPart | undefined): readonly string[] {
  if (field?.kind === 'metric') return numberOperators;
  if (field?.kind !== 'attribute') return textOperators;
  if (field.key === 'status') return ['=', '!=', 'in', 'not in'];
  return attributes.some((a) => a.key === field.key && a.isNumber) ? numberOperators : textOperators;
}

/** A text as the language writes it. */
export const quotedText = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const unquotedText = (typed: string): string =>
  typed.replace(/^['"]/, '').replace(/['"]$/, '').replaceAll("''", "'");
