/** Rows to learn from and rows to judge on, cut so that the second tell what will happen with rows nobody has seen. */
import type { StepContext } from '../context.ts';
import type { Artifact, ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import type { SplitInfo, TableMeta } from './table-meta.ts';
import { asJson, isTextKind, kindOf, orderColumn, sqlName, sqlText, tableMeta } from './table-meta.ts';

interface SplitShare {
  readonly id?: string;
  /** Share of the rows that is held out: above 0, below 1. Default 0.2. */
  readonly holdout?: number;
}

/**
 * `time`: the latest rows by a date or number column are held out. `group`: whole groups are, such as all rows of a patient,
 * and the column is no feature any more. `random`: rows are, the same share of each class; equal rows stay together.
 */
export type SplitTableOptions =
  | (SplitShare & { readonly by: 'time'; readonly column: string })
  | (SplitShare & { readonly by: 'group'; readonly column: string; readonly seed?: number })
  | (SplitShare & { readonly by: 'random'; readonly seed?: number });

type SplitStep = StepDefinition<
  { readonly rows: ArtifactPort<'table'> },
  {
    readonly train: ArtifactPort<'table'>;
    readonly holdout: ArtifactPort<'table'>;
    readonly all: ArtifactPort<'table'>;
  }
>;

const holdoutDefault = 0.2;

/**
 * Cuts the rows of `tableRows` in two. The same words cut the same rows the same way, whatever is added, except within the
 * few rows by which a share moves: so a champion can be compared on rows that it has not seen.
 *
 * @example
 * const split = splitTable({ by: 'group', column: 'patient', holdout: 0.25 });
 */
export function splitTable(options: SplitTableOptions): SplitStep {
  const { id = 'split-table', holdout = holdoutDefault, ...how } = options;
  if (!(holdout > 0 && holdout < 1))
    throw new RangeError(`holdout is ${holdout}: it must be a share above 0 and below 1.`);
  return step({
    id,
    code: `slipway:split-table:${JSON.stringify({ ...how, holdout })}`,
    inputs: { rows: artifact.table() },
    outputs: { train: artifact.table(), holdout: artifact.table(), all: artifact.table() },
    run: async (ctx, { rows }) => {
      const meta = tableMeta(rows);
      const words: Words = {
        by: how.by,
        ...('column' in how ? { column: how.column } : {}),
        seed: 'seed' in how ? (how.seed ?? 0) : 0,
      };
      const ordered = await ctx.query(
        `select *, ${orderSql(ctx, meta, words)} AS ${sqlName(orderColumn)} from rows`,
        { rows },
        'all',
      );
      const cuts = await findCuts({ ctx, ordered, meta, words, holdout });
      const until = words.by === 'time' ? { until: await latest(ctx, ordered) } : {};
      const split = await cut({ ctx, ordered, meta, words, cuts: { cuts, ...until } });
      ctx.log(
        `${rowCount(split.train)} rows to learn from, ${rowCount(split.holdout)} held out ${described(words, cuts)}`,
      );
      await mustBeWhole(ctx, { meta, words }, split);
      return split;
    },
  });
}

type Words = Pick<SplitInfo, 'by' | 'column' | 'seed'>;
type Cuts = SplitInfo['cuts'];

interface Cutting {
  readonly ctx: StepContext;
  readonly ordered: Artifact<'table'>;
  readonly meta: TableMeta;
  readonly words: Words;
}

/** 0 to 1 for hashes, an instant for times. Hashes are of texts, so that they do not depend on how a value is stored. */
function orderSql(ctx: StepContext, meta: TableMeta, { by, column, seed }: Words): string {
  const hash = (text: string): string =>
    `md5_number_lower(${sqlText(`${seed}|`)} || ${text})::double / 18446744073709551616`;
  if (by === 'random' || column === undefined) {
    const names = [...meta.columns, ...meta.aside].map(({ name }) => name).concat(meta.target);
    return hash(names.map((name) => `coalesce(${sqlName(name)}::varchar, '')`).join(` || '|' || `));
  }
  let kind;
  try {
    kind = kindOf(meta, column);
  } catch (error) {
    throw stepFailed(
      ctx.step,
      `cannot split by "${column}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (by === 'group') return hash(`coalesce(${sqlName(column)}::varchar, '')`);
  if (isTextKind(kind))
    throw stepFailed(
      ctx.step,
      `column "${column}" is a ${kind}: a split by time wants a date or a number. Declare it a date in tableRows.`,
    );
  return sqlName(column);
}

/** Classes are cut one by one where rows are drawn at random. */
const classSql = (meta: TableMeta, { by }: Words): string =>
  by === 'random' && meta.task !== 'regression' ? sqlName(meta.target) : `''`;

/** The order at which each class's held-out rows begin. */
async function findCuts(given: Cutting & { readonly holdout: number }): Promise<Cuts> {
  const { ctx, ordered, meta, words, holdout } = given;
  const order = sqlName(orderColumn);
  if (words.by === 'time') {
    const without = await ctx.query(
      `select count(*)::double n from rows where ${order} is null`,
      { rows: ordered },
      'untimed',
    );
    const missing = (await ctx.openTable(without)).numbers('n')[0] ?? 0;
    if (missing > 0)
      throw stepFailed(
        ctx.step,
        `${missing} of ${meta.rowCount} rows have no "${words.column ?? ''}": they belong to neither side of a split by time. Mend them, or split otherwise.`,
      );
  }
  // Rows of one order stay together: the cut is the order of the row at which the held-out share is reached from above.
  const found = await ctx.query(
    `select "class", min(${order}) AS "cut" from (select ${classSql(meta, words)} AS "class", ${order}, row_number() over (partition by "class" order by ${order} desc) AS place,
      count(*) over (partition by "class") AS n from rows) where place <= greatest(1, round(n * ${holdout})) group by "class" order by "class"`,
    { rows: ordered },
    'cuts',
  );
  const table = await ctx.openTable(found);
  const cuts = table.numbers('cut');
  return Object.fromEntries(table.texts('class').map((label, i) => [label ?? '', cuts[i] ?? 0]));
}

async function latest(ctx: StepContext, ordered: Artifact<'table'>): Promise<number> {
  const found = await ctx.query(`select max(${sqlName(orderColumn)}) latest from rows`, { rows: ordered }, 'latest');
  return (await ctx.openTable(found)).numbers('latest')[0] ?? 0;
}

async function cut(
  given: Cutting & { readonly cuts: Pick<SplitInfo, 'cuts' | 'until'> },
): Promise<Record<'train' | 'holdout' | 'all', Artifact<'table'>>> {
  const { ctx, ordered, meta, words, cuts } = given;
  const isHeld = heldSql(meta, { ...words, ...cuts });
  // A group that is held out is one that the model has never seen: its name would tell it nothing.
  const columns = words.by === 'group' ? meta.columns.filter(({ name }) => name !== words.column) : meta.columns;
  if (columns.length === 0)
    throw stepFailed(ctx.step, `"${words.column ?? ''}" is the only column: nothing is left to predict from.`);
  const aside = [...meta.aside, ...meta.columns.filter((column) => !columns.includes(column))];
  const part = async (side: SplitInfo['side'], condition: string): Promise<Artifact<'table'>> => {
    const rows =
      side === 'all' ? ordered : await ctx.query(`select * from rows where ${condition}`, { rows: ordered }, side);
    return { ...rows, meta: { ...rows.meta, columns, aside, split: asJson({ ...words, ...cuts, side }) } };
  };
  return {
    train: await part('train', `not (${isHeld})`),
    holdout: await part('holdout', isHeld),
    all: await part('all', 'true'),
  };
}

/** Whether a row lies at or above the cut, as SQL over a table with its order. */
function heldSql(meta: TableMeta, { cuts, ...words }: Pick<SplitInfo, 'by' | 'column' | 'seed' | 'cuts'>): string {
  const whens = Object.entries(cuts).map(([label, at]) => `when ${sqlText(label)} then ${at}::double`);
  return `${sqlName(orderColumn)} >= case ${classSql(meta, words)} ${whens.join(' ')} else 2 end`;
}

const rowCount = (rows: Artifact<'table'>): number => Number(rows.meta?.['rowCount'] ?? 0);

function described({ by, column }: Words, cuts: Cuts): string {
  if (by === 'random') return 'at random';
  const [at = 0] = Object.values(cuts);
  const instant = Math.abs(at) > 1e11 ? new Date(at).toISOString() : String(at);
  return by === 'time' ? `from ${column ?? ''} ${instant}` : `by whole ${column ?? ''}`;
}

/**
 * Both sides must have rows, and every class; of several classes a rare one may be missing among whole groups or the latest
 * rows, where two others are there to be told apart.
 */
async function mustBeWhole(
  ctx: StepContext,
  { meta, words }: Pick<Cutting, 'meta' | 'words'>,
  { train, holdout }: Readonly<Record<'train' | 'holdout', Artifact<'table'>>>,
): Promise<void> {
  for (const [side, rows] of Object.entries({ 'to learn from': train, 'held out': holdout })) {
    if (rowCount(rows) === 0)
      throw stepFailed(
        ctx.step,
        `none of ${meta.rowCount} rows is ${side}: all have one time, or are one group. Choose another column, or another share.`,
      );
    if (meta.task === 'regression') continue;
    const counted = await ctx.query(
      `select distinct ${sqlName(meta.target)} AS "label" from rows`,
      { rows },
      'classes',
    );
    const there = new Set((await ctx.openTable(counted)).texts('label'));
    const missing = meta.classes.filter((label) => !there.has(String(label)));
    if (missing.length === 0) continue;
    const names = missing.map((label) => `"${label}"`).join(', ');
    if (side === 'held out' && words.by !== 'random' && there.size > 1 && meta.task === 'multiclass')
      ctx.log(`no row held out has the class ${names}: what the model says of it is not judged`);
    else
      throw stepFailed(
        ctx.step,
        `no row ${side} has the class ${names} of "${meta.target}": hold out another share, split at random, or leave the class out of the data.`,
      );
  }
}
