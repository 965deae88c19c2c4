/** From a loaded table and somebody's answers to findings. */
import { CommandFailure } from '../failure.ts';
import type { LeftOut, Split, Task } from './decide.ts';
import {
  chooseSplit,
  chooseTask,
  columnNamed,
  groupCandidates,
  leftOutOf,
  mustBeFrequent,
  mustHaveRows,
  positiveOf,
  proposeTarget,
  timeCandidates,
} from './decide.ts';
import type { ClassCount, ColumnFacts, TableFacts } from './facts.ts';
import { countClasses, countTable } from './facts.ts';
import type { ColumnFinding, Costs, Findings } from './findings.ts';
import { suspectLeaks } from './leakage.ts';
import type { LoadedTable } from './load-table.ts';
import { plainName } from './names.ts';
import type { Asker } from './questions.ts';
import type { Scratch } from './scratch.ts';
import { sqlName } from '@slipway/server/analytics';

export interface Answers {
  readonly target?: string;
  readonly task?: Task;
  /** A column, or `none`. */
  readonly time?: string;
  readonly group?: string;
  readonly cost?: Costs;
  /** Columns that no model may see. */
  readonly drop?: readonly string[];
}

export interface Inspection {
  readonly scratch: Scratch;
  readonly table: LoadedTable;
  readonly project: string;
  readonly answers: Answers;
  readonly asker: Asker;
}

const none = 'none';
const reasonsShown = 8;
const weekMs = 7 * 86_400_000;

export async function inspectTable(inspection: Inspection): Promise<Findings> {
  const { scratch, table, answers, asker, project } = inspection;
  const facts = await scratch.during('counting values', () => countTable(scratch, table.parquet));
  mustHaveRows(facts, table.shown);
  const target = await askTarget(facts, answers, asker);
  const choice = chooseTask(target, facts.rowCount, answers.task);
  const classes = choice.task === 'regression' ? [] : await countClasses(scratch, target.name);
  mustBeFrequent(target.name, classes);
  const positive = choice.task === 'binary' ? positiveOf(classes) : undefined;
  const useless = leftOutBy(facts, target.name, answers.drop ?? []);
  const asked = facts.columns.filter(
    ({ name }) => name !== target.name && !useless.some(({ column }) => column === name),
  );
  const question = { target: target.name, task: choice.task, positive };
  const { suspected, strong } = await scratch.during('looking for columns that know the answer', () =>
    suspectLeaks(scratch, asked, question),
  );
  const skipped = new Set([
    target.name,
    ...useless.map(({ column }) => column),
    ...suspected.map(({ column }) => column),
  ]);
  const costs = choice.task === 'binary' ? await askCosts(answers, asker, positive ?? '') : undefined;
  const { split, named, group } = await askSplit({ inspection, facts, skipped, target: target.name, classes });
  const leftOut = [...useless, ...named].filter(
    ({ column }, i, all) =>
      all.findIndex((other) => other.column === column) === i && !suspected.some((other) => other.column === column),
  );
  const dataset = plainName(table.stem, 'rows');
  const perWeek = await rowsPerWeek(scratch, facts, split);
  const findings: Findings = {
    project,
    dataset,
    model: `${dataset}-${plainName(target.name, 'target')}`,
    source: table.shown,
    mended: table.mended,
    rowCount: facts.rowCount,
    duplicateRows: facts.duplicateRows,
    columns: facts.columns.map((column) => columnFinding(column, { target: target.name, leftOut, suspected })),
    target: target.name,
    rowsWithoutTarget: target.missing,
    task: choice.task,
    taskReason: choice.reason,
    classes,
    ...(positive === undefined ? {} : { positive }),
    ...(costs === undefined ? {} : { costs }),
    split,
    ...(perWeek === undefined ? {} : { rowsPerWeek: perWeek }),
    ...(group === undefined ? {} : { group }),
    leftOut,
    suspected,
    strong: strong.filter(({ column }) => !leftOut.some((other) => other.column === column)),
  };
  mustHaveFeatures(findings);
  return findings;
}

/** What somebody leaves out, and what tells nothing. */
function leftOutBy(facts: TableFacts, target: string, drop: readonly string[]): readonly LeftOut[] {
  const dropped = drop.map((wanted) => columnNamed(facts, wanted, '--drop').name);
  if (dropped.includes(target)) throw new CommandFailure('usage', `--drop: "${target}" is the target`);
  const useless = leftOutOf(facts, target).filter(({ column }) => !dropped.includes(column));
  return [...new Set(dropped)].map((column): LeftOut => ({ column, reason: '--drop says so' })).concat(useless);
}

function columnFinding(
  column: ColumnFacts,
  { target, leftOut, suspected }: Pick<Findings, 'target' | 'leftOut' | 'suspected'>,
): ColumnFinding {
  const { name, type, kind, missing, distinct, words } = column;
  const out = leftOut.find((other) => other.column === name);
  const leak = suspected.find((other) => other.column === name);
  const role =
    name === target ? 'target' : leak !== undefined ? 'suspected' : out !== undefined ? 'left-out' : 'feature';
  const reason = (leak ?? out)?.reason;
  return { name, type, kind, missing, distinct, words, role, ...(reason === undefined ? {} : { reason }) };
}

function mustHaveFeatures({ columns, leftOut, suspected, target }: Findings): void {
  if (columns.some(({ role }) => role === 'feature')) return;
  const why = [...leftOut, ...suspected]
    .slice(0, reasonsShown)
    .map(({ column, reason }) => `${column} (${reason})`)
    .join(', ');
  throw new CommandFailure(
    'failed',
    `no column is left to predict "${target}" from: ${why}. Bring columns that were known before the outcome.`,
  );
}

function askTarget(facts: TableFacts, { target }: Answers, asker: Asker): Promise<ColumnFacts> {
  if (target !== undefined) return Promise.resolve(columnNamed(facts, target, '--target'));
  const proposed = proposeTarget(facts)?.name;
  if (proposed === undefined)
    throw new CommandFailure('failed', `no column can be predicted: each is empty, a date, or the same in every row.`);
  return asker.ask({ option: '--target', text: 'Which column is to be predicted?', proposed }, (answer) =>
    columnNamed(facts, answer, 'target'),
  );
}

interface SplitRequest {
  readonly inspection: Inspection;
  readonly facts: TableFacts;
  readonly skipped: ReadonlySet<string>;
  readonly target: string;
  readonly classes: readonly ClassCount[];
}

interface AskedSplit {
  readonly split: Split;
  /** Columns that are for the split and no features. */
  readonly named: readonly LeftOut[];
  /** As in findings. */
  readonly group: string | undefined;
}

async function askSplit(request: SplitRequest): Promise<AskedSplit> {
  const { inspection, facts, skipped, target } = request;
  const { answers, asker } = inspection;
  const times = timeCandidates(facts, skipped);
  const groups = groupCandidates(facts, new Set([target]));
  const column = (option: string) => (answer: string) => {
    if (answer === none || answer === '') return undefined;
    const found = columnNamed(facts, answer, option);
    if (found.name === target) throw new CommandFailure('usage', `${option}: "${answer}" is the target`);
    return found;
  };
  const pick = async (
    option: '--time' | '--group',
    given: string | undefined,
    text: string,
    proposed: string | undefined,
  ) =>
    given === undefined
      ? asker.ask({ option, text, proposed: proposed ?? none }, column(option))
      : column(option)(given);
  const time = await pick('--time', answers.time, 'Which column says when a row came about (or none)?', times[0]?.name);
  if (time !== undefined) mustOrder(time, facts);
  const group = await pick(
    '--group',
    answers.group,
    'Which column names what several rows belong to, such as a customer (or none)?',
    groups[0]?.name,
  );
  if (group !== undefined && group.distinct < 2)
    throw new CommandFailure('usage', `--group: "${group.name}" has one value: nothing can be held out by it`);
  const named = [
    ...(time === undefined
      ? []
      : [{ column: time.name, reason: 'orders the rows: times that come later are ones the model has not seen' }]),
    ...(group === undefined
      ? []
      : [
          {
            column: group.name,
            reason:
              time === undefined
                ? 'names what rows belong to: the model is to be used on others'
                : 'names what rows belong to: a model that knows them by name says nothing of new ones',
          },
        ]),
  ];
  const said = group?.name ?? (answers.group === none ? none : undefined);
  const split = chooseSplit(time?.name, group?.name);
  const missing = await classNotOnBothSides(inspection.scratch, request, split);
  if (missing === undefined) return { split, named, group: said };
  const why = `by ${split.by} ("${split.column ?? ''}") one side would have no row of class "${missing}"; the same share of each class is held out at random`;
  return { split: { by: 'random', reason: why }, named, group: said };
}

/** How often rows came, where they are split by a date; a few that are dated far off count for nothing. */
async function rowsPerWeek(scratch: Scratch, facts: TableFacts, split: Split): Promise<number | undefined> {
  const time = facts.columns.find(({ name }) => split.by === 'time' && name === split.column);
  if (time?.kind !== 'instant') return undefined;
  const instant = `epoch_ms(${sqlName(time.name)}::timestamp)`;
  const [low, high] = [0.05, 0.95].map((share) => `approx_quantile(${instant}, ${share})`);
  const row = await scratch.one(`select (${high} - ${low})::double AS span from rows`);
  const weeks = Number(row['span'] ?? 0) / 0.9 / weekMs;
  return facts.rowCount / Math.max(1, weeks);
}

function mustOrder({ name, kind, type, missing }: ColumnFacts, { rowCount }: TableFacts): void {
  if (kind !== 'instant' && kind !== 'number')
    throw new CommandFailure('usage', `--time: "${name}" is ${type}: a date or a number is wanted`);
  if (missing > 0)
    throw new CommandFailure(
      'usage',
      `--time: "${name}" is empty in ${missing} of ${rowCount} rows, which would belong to neither side: fill it in, or say --time none`,
    );
}

const exactCutRowsMax = 1_000_000;

async function classNotOnBothSides(
  scratch: Scratch,
  { target, classes, facts }: SplitRequest,
  { by, column }: Split,
): Promise<string | undefined> {
  if (by !== 'time' || column === undefined || classes.length === 0) return undefined;
  const [t, when] = [sqlName(target), sqlName(column)];
  // An exact one keeps every value in memory.
  const quantile = facts.rowCount > exactCutRowsMax ? 'approx_quantile' : 'quantile_disc';
  const cut = `(select ${quantile}(${when}, 0.8) from rows where ${t} is not null)`;
  const found = await scratch.rows(
    `select ${t}::varchar AS label, count(*) filter (where ${when} >= ${cut}) AS held, count(*) filter (where ${when} < ${cut}) AS learnt from rows where ${t} is not null group by 1 order by 1`,
  );
  // Of several classes a rare one may be missing among the latest rows, where two others can be told apart there.
  const isJudged = found.length > 2 && found.filter((row) => Number(row['held']) > 0).length > 1;
  const lacking = found.find((row) => Number(row['learnt']) === 0 || (Number(row['held']) === 0 && !isJudged));
  return lacking === undefined ? undefined : String(lacking['label']);
}

function askCosts({ cost }: Answers, asker: Asker, positive: string): Promise<Costs> {
  if (cost !== undefined) return Promise.resolve(cost);
  const text = `What does a false alarm ("${positive}" that is not) cost against a missed one, as 1:5?`;
  return asker.ask({ option: '--cost', text, proposed: '1:1' }, costsOf);
}

const costMax = 1e6;

/** `1:5`: a missed one costs five times a false alarm. */
export function costsOf(typed: string): Costs {
  const [, falsePositive, falseNegative] = /^(\d+(?:\.\d+)?)\s*[:/]\s*(\d+(?:\.\d+)?)$/.exec(typed) ?? [];
  const costs = { falsePositive: Number(falsePositive), falseNegative: Number(falseNegative) };
  const isGood = Object.values(costs).every((cost) => cost > 0 && cost <= costMax);
  if (!isGood)
    throw new CommandFailure(
      'usage',
      `--cost is "${typed.slice(0, 40)}": write two numbers above 0, the false alarm's first, such as 1:5`,
    );
  return costs;
}
