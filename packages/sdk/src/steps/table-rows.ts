/** From a dataset to rows that can be learnt from: columns of known kinds, a target that is there. */
import type { StepContext } from '../context.ts';
import type { ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import type { PastFeatures } from './past-features.ts';
import { joinPastFeatures } from './past-features.ts';
import { columnPlans, nameList } from './table-columns.ts';
import type { ColumnPlan, SourceColumn } from './table-columns.ts';
import type { ClassLabel, TableColumnKind, TableMeta, TableTask } from './table-meta.ts';
import { asJson, sqlName } from './table-meta.ts';

const classesMax = 1000;
/** Classes that a message names. */
const classesShown = 8;
/** Columns that datasets add to their files' own. */
const placeColumns = ['filename', 'file_row_number'];

export interface TableRowsOptions {
  readonly id?: string;
  /** The column to predict. Rows in which it is missing are left out, and counted. */
  readonly target: string;
  readonly task: TableTask;
  /** Binary: the class that probabilities and costs speak of. Default: the later of the two in order (1 of 0 and 1). */
  readonly positive?: ClassLabel;
  /** What columns mean, where it is not what their types say. Columns that are not named are told by their values. */
  readonly columns?: Readonly<Record<string, TableColumnKind>>;
  /** Columns that no model may see: what is known only afterwards, what names the row. A split may still use them. */
  readonly drop?: readonly string[];
  /** A feature service over this dataset: its features become columns, each as it was known at the instant of its row. */
  readonly features?: PastFeatures;
}

type TableRowsStep = StepDefinition<
  { readonly dataset: ArtifactPort<'dataset'> },
  { readonly rows: ArtifactPort<'table'> }
>;

/**
 * Reads a dataset as a table to learn from. Later steps know from it what is predicted, from which columns.
 *
 * A column that is not declared is a number, boolean or date by its type; text is a `category` where it has few values and
 * `text` where it has several words; text that differs in every row is left out, and the log says so.
 *
 * With `features`, the model learns from the features too and is registered with their service: an endpoint that names the
 * service is given the rest of the columns, and reads these itself.
 *
 * @example
 * const penguins = tableRows({ target: 'species', task: 'multiclass', columns: { year: 'category' }, drop: ['nest'] });
 */
export function tableRows(options: TableRowsOptions): TableRowsStep {
  const { id = 'table-rows', ...question } = options;
  return step({
    id,
    code: `slipway:table-rows:${JSON.stringify(question)}`,
    inputs: { dataset: artifact.dataset() },
    outputs: { rows: artifact.table() },
    // The feature set is not an input: it may change while the data does not.
    ...(question.features === undefined ? {} : { cache: 'never' as const }),
    run: async (ctx, { dataset }) => {
      const { dataset: name, version, digest, relation: own } = ctx.dataset(dataset);
      const past =
        question.features === undefined ? undefined : await joinPastFeatures(ctx, dataset, question.features);
      const relation = past?.relation ?? own;
      const source: Source = { ctx, name, relation, columns: await describeColumns(ctx, relation), question };
      for (const wanted of [question.target, ...Object.keys(question.columns ?? {}), ...(question.drop ?? [])])
        mustHave(source, wanted);
      const target = await readTarget(source);
      const plans = await readPlans(source);
      const features = plans.filter(({ role }) => role === 'feature').map(({ name, kind }) => ({ name, kind }));
      if (features.length === 0) throw failed(source, 'has no column to predict from: drop fewer columns.');
      const meta: TableMeta = {
        task: question.task,
        target: question.target,
        classes: [...target.classes],
        columns: features,
        aside: plans.filter(({ role }) => role === 'aside').map(({ name, kind }) => ({ name, kind })),
        rowCount: target.rowCount,
        rowsWithoutTarget: target.missing,
        datasets: [{ dataset: name, number: version, digest }],
        ...(past === undefined ? {} : { featureService: past.featureService }),
      };
      tell(ctx, meta, plans, target);
      const rows = await ctx.query(rowsSql(source, plans, target.sql), {}, 'rows');
      return { rows: { ...rows, meta: asJson({ ...meta, ...rows.meta }) } };
    },
  });
}

interface Source {
  readonly ctx: StepContext;
  readonly name: string;
  readonly relation: string;
  readonly columns: readonly SourceColumn[];
  readonly question: Omit<TableRowsOptions, 'id'>;
}

const failed = ({ ctx, name }: Source, problem: string) => stepFailed(ctx.step, `dataset ${name} ${problem}`);

async function describeColumns(ctx: StepContext, relation: string): Promise<SourceColumn[]> {
  const described = await ctx.query(
    `select column_name, column_type from (describe select * from ${relation})`,
    {},
    'columns',
  );
  const table = await ctx.openTable(described);
  const types = table.texts('column_type');
  return table.texts('column_name').map((name, i) => ({ name: name ?? '', type: types[i] ?? '' }));
}

function mustHave(source: Source, name: string): void {
  const names = source.columns.map((column) => column.name).filter((column) => !placeColumns.includes(column));
  if (!names.includes(name)) throw failed(source, `has no column "${name}"; it has ${nameList(names)}.`);
}

interface TargetPlan {
  /** The target as SQL: text for classes, float64 for numbers; null where it is missing. */
  readonly sql: string;
  readonly classes: readonly ClassLabel[];
  readonly rowCount: number;
  readonly missing: number;
}

async function readTarget(source: Source): Promise<TargetPlan> {
  const { ctx, question, relation, columns } = source;
  const { target, task } = question;
  const type = columns.find(({ name }) => name === target)?.type ?? '';
  const sql = targetSql(source, type);
  const counted = await ctx.query(
    `select count(*)::double n, count(${sqlName(target)})::double present, count(${sql})::double used,
      min(${sqlName(target)}::varchar) filter (where ${sqlName(target)} is not null and ${sql} is null) odd,
      count(distinct ${sql})::double "distinct" from ${relation}`,
    {},
    'target',
  );
  const facts = await ctx.openTable(counted);
  const [n = 0, present = 0, used = 0, distinct = 0] = ['n', 'present', 'used', 'distinct'].map(
    (name) => facts.numbers(name)[0] ?? 0,
  );
  const odd = facts.texts('odd')[0];
  if (present > used && odd !== null && odd !== undefined && odd !== '') {
    const remedy = task === 'regression' ? 'Mend the data, or predict classes.' : 'Predict it with task "regression".';
    throw failed(
      source,
      `has "${odd}" in its target "${target}" (${present - used} of ${n} rows): ${wantedOf(task)}. ${remedy}`,
    );
  }
  if (used === 0)
    throw failed(source, `has ${n} rows and no value of the target "${target}" in any of them: nothing can be learnt.`);
  if (distinct < 2)
    throw failed(source, `has one value of the target "${target}" in all ${used} rows: at least two are needed.`);
  const classes = task === 'regression' ? [] : await readClasses(source, sql, { type, distinct });
  return { sql, classes, rowCount: used, missing: n - used };
}

const wantedOf = (task: TableTask): string =>
  task === 'regression' ? 'a number is wanted' : 'a class is a text or a whole number';

const wholeTypes = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN)$/;
const fractionTypes = /^(FLOAT|DOUBLE|DECIMAL)/;

function targetSql({ question }: Source, type: string): string {
  const name = sqlName(question.target);
  if (question.task === 'regression') {
    if (type === 'BOOLEAN') return `${name}::int::double`;
    const number = `try_cast(${name} AS double)`;
    return `case when isfinite(${number}) then ${number} end`;
  }
  if (type === 'BOOLEAN') return `${name}::int::varchar`;
  if (fractionTypes.test(type)) return `case when ${name} = floor(${name}) then ${name}::hugeint::varchar end`;
  return `nullif(${name}::varchar, '')`;
}

async function readClasses(
  source: Source,
  sql: string,
  { type, distinct }: { readonly type: string; readonly distinct: number },
): Promise<ClassLabel[]> {
  const { ctx, question, relation } = source;
  const { target, task, positive } = question;
  const isWhole = wholeTypes.test(type) || fractionTypes.test(type);
  const tooMany = task === 'binary' ? 2 : classesMax;
  if (distinct > tooMany) {
    const remedy =
      task === 'binary' ? 'task "multiclass", or a target of two classes' : 'task "regression", or fewer classes';
    const some = distinct <= classesShown ? ` (${(await distinctOf(ctx, relation, sql)).join(', ')})` : '';
    throw failed(
      source,
      `has ${distinct} values of the target "${target}"${some}, and ${task} takes at most ${tooMany}: use ${remedy}.`,
    );
  }
  const texts = await distinctOf(ctx, relation, sql);
  const labels: ClassLabel[] = isWhole ? texts.map(Number).sort((a, b) => a - b) : texts;
  if (positive === undefined) return labels;
  if (task !== 'binary') throw failed(source, 'is asked for several classes: "positive" is for binary targets.');
  const found = labels.find((label) => String(label) === String(positive));
  if (found === undefined)
    throw failed(source, `has no class "${positive}" in the target "${target}"; it has ${labels.join(' and ')}.`);
  return [...labels.filter((label) => label !== found), found];
}

/** In the order of their UTF-16 code units, as trainers sort labels. */
async function distinctOf(ctx: StepContext, relation: string, sql: string): Promise<string[]> {
  const found = await ctx.query(
    `select distinct ${sql} AS "label" from ${relation} where ${sql} is not null`,
    {},
    'classes',
  );
  const texts = (await ctx.openTable(found)).texts('label').flatMap((label) => (label === null ? [] : [label]));
  return texts.sort((a, b) => (a < b ? -1 : 1));
}

async function readPlans(source: Source): Promise<readonly ColumnPlan[]> {
  const { ctx, relation, columns, question } = source;
  const others = columns.filter(({ name }) => name !== question.target && !placeColumns.includes(name));
  const plan = await columnPlans({
    ctx,
    relation,
    columns: others,
    declared: question.columns ?? {},
    drop: question.drop ?? [],
  });
  if ('problem' in plan) throw failed(source, plan.problem);
  return plan.plans;
}

function rowsSql({ relation, question, columns }: Source, plans: readonly ColumnPlan[], target: string): string {
  const picked = plans.flatMap(({ role, name, sql }) => (role === 'unused' ? [] : [`${sql} AS ${sqlName(name)}`]));
  const places = placeColumns.filter((place) => columns.some(({ name }) => name === place));
  // Rows keep their places in the files, so that equal data makes equal bytes.
  const order = places.length === 0 ? '' : ` order by ${places.map(sqlName).join(', ')}`;
  return `select ${[...picked, `${target} AS ${sqlName(question.target)}`].join(', ')} from ${relation} where ${target} is not null${order}`;
}

function tell(ctx: StepContext, meta: TableMeta, plans: readonly ColumnPlan[], target: TargetPlan): void {
  const left = target.missing === 0 ? '' : `; ${target.missing} rows without it are left out`;
  const classes =
    target.classes.length === 0
      ? ''
      : ` (${target.classes.slice(0, classesShown).join(', ')}${target.classes.length > classesShown ? ', ...' : ''})`;
  ctx.log(`${target.rowCount} rows to predict ${meta.target}${classes} by ${meta.task}${left}`);
  for (const { name, role, kind, reason } of plans)
    ctx.log(`  ${name}: ${role === 'feature' ? kind : 'not used'}, ${reason}`);
}
