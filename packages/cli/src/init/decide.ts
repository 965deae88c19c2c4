/**
 * What a table is for and how it is to be learnt from, decided from counts alone. Every decision carries its reason, because
 * somebody has to believe it; whoever knows better says so with an option.
 */
import { CommandFailure } from '../failure.ts';
import { nearest } from '../live-names.ts';
import type { ClassCount, ColumnFacts, TableFacts } from './facts.ts';

export type Task = 'binary' | 'multiclass' | 'regression';

/** Fewer rows with a target teach nothing that could be judged. */
export const rowsMin = 30;
export const classesMax = 100;
/** Rows of a class that let some of them be held out. */
export const classRowsMin = 5;
/** Whole numbers with at most so many values are classes. */
const numberClassesMax = 10;
const namesShown = 12;

const refused = (message: string): CommandFailure => new CommandFailure('failed', message);
const shownNames = (facts: TableFacts): string => {
  const names = facts.columns.map(({ name }) => name);
  return (
    names.slice(0, namesShown).join(', ') + (names.length > namesShown ? ` and ${names.length - namesShown} more` : '')
  );
};

export function mustHaveRows(facts: TableFacts, shown: string): void {
  if (facts.rowCount === 0)
    throw refused(
      `${shown} has a header and no rows: there is nothing to learn from. Its columns: ${shownNames(facts)}`,
    );
  if (facts.columns.length < 2)
    throw refused(
      `${shown} has one column, "${facts.columns[0]?.name ?? ''}": a model needs a target and at least one column to predict it from. Values of a text table are separated by commas, semicolons, tabs or bars.`,
    );
}

/** A column by name, whatever its case when that is unambiguous. */
export function columnNamed(facts: TableFacts, name: string, option: string): ColumnFacts {
  const exact = facts.columns.find((column) => column.name === name);
  if (exact !== undefined) return exact;
  const meant = nearNames(
    name,
    facts.columns.map((column) => column.name),
  );
  const hint = meant.length === 0 ? '' : ` Did you mean ${meant.map((near) => `"${near}"`).join(' or ')}?`;
  throw new CommandFailure('usage', `${option}: there is no column "${name}".${hint} Columns: ${shownNames(facts)}`);
}

/** The same but for case, part of one another, or a slip away. */
export function nearNames(name: string, names: readonly string[]): readonly string[] {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  const same = names.filter((other) => plain(other) === plain(name));
  if (same.length > 0) return same;
  const slip = nearest(name, names);
  const parts =
    plain(name).length < 3
      ? []
      : names.filter(
          (other) =>
            plain(other).includes(plain(name)) || (plain(other).length >= 3 && plain(name).includes(plain(other))),
        );
  return [...new Set([...(slip === undefined ? [] : [slip]), ...parts])].slice(0, 3);
}

const targetNames =
  /^(target|label|class|y|outcome|churn(ed)?|default(ed)?|survived|is_fraud|fraud|converted|response|result|price|species|quality)$/i;

/** The column that is most likely asked for: by its name, else the last one that could be predicted. */
export function proposeTarget(facts: TableFacts): ColumnFacts | undefined {
  const possible = facts.columns.filter(
    (column) => column.kind !== 'other' && column.kind !== 'instant' && column.distinct > 1,
  );
  const named = possible.find(({ name }) => targetNames.test(name));
  if (named !== undefined) return named;
  return possible.findLast(({ kind, distinct }) => kind === 'number' || distinct <= classesMax);
}

export interface TaskChoice {
  readonly task: Task;
  readonly reason: string;
}

const isWhole = (type: string): boolean => /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);

/** `asked` is what an option says. Throws where the column cannot be predicted, or not so. */
export function chooseTask(target: ColumnFacts, rowCount: number, asked: Task | undefined): TaskChoice {
  const { name, kind, distinct, type, missing } = target;
  const present = rowCount - missing;
  if (distinct === 0)
    throw refused(
      `the target "${name}" is empty in all ${rowCount.toLocaleString('en-US')} rows: nothing can be learnt. Choose another with --target.`,
    );
  if (distinct === 1)
    throw refused(
      `the target "${name}" is ${JSON.stringify(target.min)} in all ${present.toLocaleString('en-US')} rows that have it: two different values are the least that can be told apart. Add rows of another outcome, or choose another column with --target.`,
    );
  if (present < rowsMin)
    throw refused(
      `${present} of ${rowCount.toLocaleString('en-US')} rows have a value of the target "${name}": at least ${rowsMin} are needed to learn from some and judge on others.`,
    );
  if (kind === 'instant' || kind === 'other')
    throw refused(
      `the target "${name}" is ${type}: what can be predicted is a class or a number. Make one of it (the days until then, for example), or choose another column with --target.`,
    );
  const told = tellTask(target, present);
  if (asked === undefined || asked === told.task) return told;
  return askedTask(target, asked);
}

function tellTask({ name, kind, type, distinct, min }: ColumnFacts, present: number): TaskChoice {
  const values = distinct.toLocaleString('en-US');
  if (distinct === 2) return { task: 'binary', reason: `"${name}" has two values` };
  if (kind === 'text') {
    if (distinct > classesMax)
      throw refused(
        `the target "${name}" has ${values} different texts in ${present.toLocaleString('en-US')} rows, such as ${JSON.stringify(min)}: more than ${classesMax} classes cannot be told apart. Group them first, or choose another column with --target.`,
      );
    return { task: 'multiclass', reason: `"${name}" has ${values} different texts` };
  }
  if (isWhole(type) && distinct <= numberClassesMax && distinct * 10 <= present)
    return {
      task: 'multiclass',
      reason: `"${name}" has only ${values} different whole numbers (--task regression predicts the number itself)`,
    };
  return { task: 'regression', reason: `"${name}" is a number with ${values} values` };
}

function askedTask({ name, kind, distinct }: ColumnFacts, asked: Task): TaskChoice {
  const refuse = (why: string): never => {
    throw new CommandFailure('usage', `--task ${asked}: the target "${name}" ${why}`);
  };
  if (asked === 'regression' && kind === 'text') refuse('is text, and a number is wanted');
  if (asked === 'binary' && distinct !== 2)
    refuse(`has ${distinct.toLocaleString('en-US')} values, and two are wanted`);
  if (asked === 'multiclass' && (distinct > classesMax || distinct < 3))
    refuse(`has ${distinct.toLocaleString('en-US')} values, and 3 to ${classesMax} are wanted`);
  return { task: asked, reason: `--task says so; "${name}" has ${distinct.toLocaleString('en-US')} values` };
}

/** Throws where a class is too rare to be learnt and judged. */
export function mustBeFrequent(target: string, classes: readonly ClassCount[]): void {
  const rare = classes.filter(({ count }) => count < classRowsMin);
  const [first] = rare;
  if (first === undefined) return;
  const others = rare.length > 1 ? ` (and ${rare.length - 1} more classes have no more)` : '';
  throw refused(
    `class "${first.label}" of the target "${target}" has ${first.count} ${first.count === 1 ? 'row' : 'rows'}${others}: at least ${classRowsMin} are needed to learn it and to judge it. Leave its rows out, merge it with another class, or bring more.`,
  );
}

const positiveWords =
  /^(1|1\.0|true|yes|y|t|ja|oui|si|sí|positive|pos|churn(ed)?|default(ed)?|fraud|bad|late|failed|dead|sick|malignant|m|won|converted)$/i;
const negativeWords =
  /^(0|0\.0|false|no|n|f|nein|non|negative|neg|none|not?\b.*|good|ok|healthy|benign|b|alive|stayed|lost)$/i;

/** The class that probabilities speak of: the one whose word says yes, else the rarer one. */
export function positiveOf(classes: readonly ClassCount[]): string | undefined {
  const said =
    classes.find(({ label }) => positiveWords.test(label)) ??
    classes.find(({ label }, i) => !negativeWords.test(label) && negativeWords.test(classes[1 - i]?.label ?? ''));
  return (said ?? classes.at(-1))?.label;
}

export interface LeftOut {
  readonly column: string;
  readonly reason: string;
}

/** Texts with more words are prose, and may well all differ. */
const nameWordsMax = 3;
const namingRowsMin = 20;

/** Columns that tell a model nothing, by their counts. */
export function leftOutOf(facts: TableFacts, target: string): readonly LeftOut[] {
  return facts.columns.flatMap((column): LeftOut[] => {
    if (column.name === target) return [];
    const reason = uselessness(column, facts.rowCount);
    return reason === undefined ? [] : [{ column: column.name, reason }];
  });
}

function uselessness(
  { name, kind, type, missing, distinct, words, min, max }: ColumnFacts,
  rowCount: number,
): string | undefined {
  const present = rowCount - missing;
  if (present === 0) return 'empty in every row';
  if (kind === 'other') return `${type} is no kind of column that a model takes`;
  if (distinct <= 1 && missing === 0) return `${JSON.stringify(min)} in every row`;
  if (present < namingRowsMin) return undefined;
  const isAllDifferent = distinct >= present;
  if (kind === 'text' && isAllDifferent && words <= nameWordsMax) return 'differs in every row: it names the row';
  if (kind === 'text' && looksLikeId(name) && distinct > present / 2 && words <= nameWordsMax)
    return `${distinct.toLocaleString('en-US')} values in ${present.toLocaleString('en-US')} rows, and its name says id`;
  if (kind !== 'number' || !isWhole(type) || !isAllDifferent) return undefined;
  if (looksLikeId(name)) return 'differs in every row: it names the row';
  const isCounter = typeof min === 'number' && typeof max === 'number' && max - min + 1 === present;
  return isCounter ? 'counts the rows' : undefined;
}

export const looksLikeId = (name: string): boolean =>
  /(^|[_\s-])(id|uuid|guid|key|nr|no|number|code)$|^(id|index|row|rownum|row_number|unnamed: 0)$|[a-z](Id|ID|Key|Nr)$/i.test(
    name,
  ) && !/^(paid|void|valid|grid|period|turno)$/i.test(name);

export interface Split {
  readonly by: 'time' | 'group' | 'random';
  readonly column?: string;
  readonly reason: string;
}

const notWhen = /birth|dob|born|expir|until|due|end|valid/i;
const whenNames =
  /(^|_)(date|time|timestamp|at|on|day|month|created|ordered|order|signup|opened|start|event)(_|$)|date$|time$|[a-z]At$/i;
/** Dates that tell rows apart in time. */
const timesMin = 20;

/** Dates that order rows: filled in every row, of many days, not somebody's birthday. The best first. */
export function timeCandidates(facts: TableFacts, skipped: ReadonlySet<string>): readonly ColumnFacts[] {
  return facts.columns
    .filter(
      ({ name, kind, type, missing, distinct }) =>
        kind === 'instant' &&
        !/^TIME( |$)/.test(type) &&
        missing === 0 &&
        distinct >= timesMin &&
        !skipped.has(name) &&
        !notWhen.test(name),
    )
    .sort((a, b) => Number(whenNames.test(b.name)) - Number(whenNames.test(a.name)) || b.distinct - a.distinct);
}

/** Rows of one value on average, from which on rows come in groups. */
const groupRowsMin = 1.2;
const groupsMin = 20;
const groupWords =
  /(^|[_\s-])(id|customer|client|kunden?|patient|user|member|household|session|subject|store|shop|device|machine|sensor|account|company|person|player|driver)([_\s-]|$|id)/i;
/** customerId, but neither paid nor fluid. */
const camelId = /[a-z]I[dD]$/;
const namesGroup = (name: string): boolean => groupWords.test(name) || camelId.test(name);

const entityWords =
  /(^|[_\s-])(airport|bike|branch|buyer|car|card|carrier|city|country|employee|item|merchant|meter|owner|plant|product|region|room|route|school|seller|sensor|server|site|sku|station|supplier|symbol|tail|team|ticker|truck|vehicle|vendor)([_\s-]|num|$)/i;
/** Rows of one value on average, from which on earlier rows of it say something. */
const entityRowsMin = 3;

/**
 * Columns that name something whose rows come again and again, what names most things first: those whose name says so, of
 * few values or many; else texts of many values.
 */
export function entityCandidates<
  Column extends Pick<ColumnFacts, 'name' | 'kind' | 'type' | 'missing' | 'distinct' | 'words'>,
>(facts: { readonly columns: readonly Column[]; readonly rowCount: number }, skipped: ReadonlySet<string>): Column[] {
  const candidates = facts.columns
    .filter(
      ({ name, kind, type, missing, distinct, words }) =>
        ((kind === 'text' && words <= nameWordsMax) || (kind === 'number' && isWhole(type))) &&
        missing === 0 &&
        distinct > 1 &&
        facts.rowCount / distinct >= entityRowsMin &&
        !skipped.has(name),
    )
    .sort((a, b) => b.distinct - a.distinct);
  const named = candidates.filter(({ name }) => namesGroup(name) || entityWords.test(name));
  return named.length > 0 ? named : candidates.filter(({ kind, distinct }) => kind === 'text' && distinct >= groupsMin);
}

/** Columns that name something that several rows belong to. */
export function groupCandidates(facts: TableFacts, skipped: ReadonlySet<string>): readonly ColumnFacts[] {
  return facts.columns
    .filter(({ name, kind, type, missing, distinct, words }) => {
      const isName = (kind === 'text' && words <= nameWordsMax) || (kind === 'number' && isWhole(type));
      const perGroup = facts.rowCount / Math.max(1, distinct);
      return (
        isName &&
        namesGroup(name) &&
        missing === 0 &&
        distinct >= groupsMin &&
        perGroup >= groupRowsMin &&
        !skipped.has(name)
      );
    })
    .sort((a, b) => b.distinct - a.distinct);
}

export function chooseSplit(time: string | undefined, group: string | undefined): Split {
  if (time !== undefined) {
    const also =
      group === undefined ? '' : `; rows of one "${group}" lie on both sides, which is how the model will be used`;
    return {
      by: 'time',
      column: time,
      reason: `rows have a date, "${time}": the model is judged on the latest, since it will be used on later ones${also}`,
    };
  }
  if (group !== undefined)
    return {
      by: 'group',
      column: group,
      reason: `several rows belong to one "${group}": whole groups are held out, so that the model is judged on ones that it has not seen`,
    };
  return { by: 'random', reason: 'rows have no date and no group: the same share of each class is held out at random' };
}
