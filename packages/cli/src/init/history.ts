/**
 * What is known of an entity (a customer, a machine) from its earlier rows, as a feature set. Which rows belong to one entity
 * is what `--group` says, or a column whose name and repeats say it; which features are worth having is what trees on the
 * earlier rows go by; whether they are worth having at all is asked of the latest rows, which neither model has seen.
 */
import { sqlName, sqlText } from '@slipway/server/analytics';
import { CommandFailure } from '../failure.ts';
import { count } from '../output.ts';
import { entityCandidates } from './decide.ts';
import type { ColumnFinding, Findings } from './findings.ts';
import { features } from './findings.ts';
import type { HistoryPlan, PastColumn, PastFeature } from './history-plan.ts';
import { candidatesOf, chosenOf, durationText, warmUpOf, windowsOf } from './history-plan.ts';
import { definitionText } from './history-text.ts';
import type { Scratch } from './scratch.ts';

/** What `--features`, `--no-features`, neither and `--python` mean. */
export type Wanted = 'always' | 'never' | 'where they help' | 'not in Python';

export interface History {
  /** For people: what was found and decided. */
  readonly said: string;
  /** Undefined where the project has no features.yaml. */
  readonly plan?: HistoryPlan;
}

export interface HistoryRequest {
  readonly scratch: Scratch;
  readonly parquet: string;
  readonly findings: Findings;
  readonly wanted: Wanted;
  /** Milliseconds after its time at which a row's outcome is known; undefined where nobody said. */
  readonly outcomeAfterMs: number | undefined;
}

/** Rows with an earlier one of their entity: below this share a history is too thin to tell anything. */
const earlierShareMin = 0.5;
/** Rows of whole entities that the candidates are tried on. */
const trialRows = 100_000;
/** Rows that are asked how often their entities come. */
const spreadRows = 1_000_000;
const dayMs = 86_400_000;
const numericMax = 12;
const trialColumnsMax = 60;
/** Sums are kept in steps of 2^-20 within ±2^33. */
const magnitudeMax = 2 ** 33;

/** Undefined where nothing is to be said: no row has a time, and nobody asked for features. */
export async function findHistory(request: HistoryRequest): Promise<History | undefined> {
  const { findings, wanted } = request;
  if (wanted === 'not in Python')
    return {
      said: 'no features.yaml: train.py learns from each row alone (without --python, features of earlier rows are tried)',
    };
  if (wanted === 'never') return { said: 'no features of earlier rows: --no-features says so' };
  const source = await sourceOf(request);
  if ('problem' in source) {
    if (wanted === 'always')
      throw new CommandFailure(
        'failed',
        `--features: ${source.problem}. Leave the option away, and the project is made without features`,
      );
    return source.isWorthSaying ? { said: `no features.yaml: ${source.problem}` } : undefined;
  }
  const candidates = candidatesOf(source);
  const outcome = await tryCandidates(request, { source, candidates });
  const unsaid =
    source.outcome === undefined && findings.task !== 'multiclass'
      ? `; earlier ${findings.target} is not among them (--outcome-after 30d, where it is known 30 days later)`
      : '';
  if ('problem' in outcome && wanted !== 'always') return { said: `no features.yaml: ${outcome.problem}${unsaid}` };
  const plan = { ...source, features: 'problem' in outcome ? chosenOf(candidates, new Map()) : outcome.features };
  const what = `${count(plan.features.length, 'feature')} of the earlier rows of each ${plan.entity.column}`;
  if ('problem' in outcome) return { said: `${what}, because --features says so: ${outcome.problem}`, plan };
  return { said: `${what}: ${outcome.said}${unsaid}`, plan };
}

/** The entity is no column of the model, and no longer nothing to it. */
export function withHistory(findings: Findings, history: History | undefined): Findings {
  if (history === undefined) return findings;
  const entity = history.plan?.entity.column;
  const reason = 'names what rows belong to: features.yaml has what its earlier rows tell';
  return {
    ...findings,
    history,
    leftOut: findings.leftOut.map((out) => (out.column === entity ? { ...out, reason } : out)),
    columns: findings.columns.map((column) =>
      column.name === entity && column.role === 'left-out' ? { ...column, reason } : column,
    ),
  };
}

type Problem = { readonly problem: string; readonly isWorthSaying?: boolean };
type Source = Omit<HistoryPlan, 'features'>;

async function sourceOf(request: HistoryRequest): Promise<Source | Problem> {
  const { scratch, findings, outcomeAfterMs } = request;
  const { split, columns } = findings;
  const time = columns.find(({ name }) => split.by === 'time' && name === split.column);
  const hasGroup = findings.group !== undefined && findings.group !== 'none';
  if (time === undefined || time.kind !== 'instant')
    return { problem: 'rows have no date to look back from', isWorthSaying: hasGroup };
  const entity = entityOf(request);
  if (entity === undefined)
    return {
      problem: 'no column names what several rows belong to, such as a customer (--group names it)',
      isWorthSaying: findings.group !== 'none',
    };
  const type = keyTypeOf(entity);
  if (type === undefined)
    return {
      problem: `"${entity.name}" is ${entity.type}, and a key is a text or a whole number`,
      isWorthSaying: true,
    };
  const spread = await spreadOf(scratch, { entity: entity.name, time: time.name, rowCount: findings.rowCount });
  if (spread.earlierShare < earlierShareMin)
    return {
      problem: `only ${Math.round(100 * spread.earlierShare)} % of rows have an earlier one of the same ${entity.name}`,
      isWorthSaying: true,
    };
  const windows = windowsOf(spread);
  if (windows.length === 0)
    return { problem: `the rows span ${durationText(spread.spanMs)}, too short to look back in`, isWorthSaying: true };
  return {
    set: identifier(findings.project),
    service: 'history',
    table: findings.dataset,
    entity: { key: identifier(entity.name), column: entity.name, type },
    time: { column: time.name, isDay: spread.isDay },
    windows,
    columns: await pastColumns(scratch, findings),
    ...outcomeOf(findings, outcomeAfterMs),
    untilMs: untilOf(spread, outcomeAfterMs),
  };
}

/** What somebody said, else what a name and repeats say. */
function entityOf({ findings }: HistoryRequest): ColumnFinding | undefined {
  const { group, target, columns, suspected, split, rowCount } = findings;
  if (group === 'none') return undefined;
  const skipped = new Set([target, split.column ?? '', ...suspected.map(({ column }) => column)]);
  const name = group ?? entityCandidates({ columns, rowCount }, skipped)[0]?.name;
  return columns.find((column) => column.name === name);
}

const keyTypeOf = ({ type }: ColumnFinding): 'string' | 'int' | undefined =>
  type === 'VARCHAR' ? 'string' : /^U?(TINY|SMALL|BIG)?INT(EGER)?$/.test(type) ? 'int' : undefined;

interface Spread {
  readonly earlierShare: number;
  readonly gapMs: number;
  readonly spanMs: number;
  readonly latestMs: number;
  /** Every instant is a midnight: rows are dated by days. */
  readonly isDay: boolean;
}

/** Of some entities, with all their rows, where there are very many rows. */
async function spreadOf(
  scratch: Scratch,
  { entity, time, rowCount }: { readonly entity: string; readonly time: string; readonly rowCount: number },
): Promise<Spread> {
  const instant = `epoch_ms(${sqlName(time)}::timestamp)`;
  const key = sqlName(entity);
  const every = Math.max(1, Math.ceil(rowCount / spreadRows));
  const row = await scratch.one(
    `select avg((t > earliest)::int)::double AS share, median(t - before)::double AS gap, (max(t) - min(t))::double AS span, bool_and(t % ${dayMs} = 0) AS "isDay",
       (select max(${instant})::double from rows) AS latest
     from (select t, min(t) over (partition by e) AS earliest, max(t) over (partition by e order by t range between unbounded preceding and 1 preceding) AS before
       from (select ${instant} AS t, ${key} AS e from rows where ${key} is not null and hash(${key}, 5) % ${every} = 0))`,
  );
  return {
    earlierShare: Number(row['share'] ?? 0),
    gapMs: Number(row['gap'] ?? 0),
    spanMs: Number(row['span'] ?? 0),
    latestMs: Number(row['latest'] ?? 0),
    isDay: row['isDay'] === true,
  };
}

/** When the newest row of the table counts, to the whole second above. */
function untilOf({ latestMs, isDay }: Spread, outcomeAfterMs: number | undefined): number {
  const known = latestMs + Math.max(isDay ? dayMs : 1, outcomeAfterMs ?? 0);
  return Math.ceil(known / 1000) * 1000;
}

const idWords = /(^|[_\s-])(id|uuid|code|zip|plz|nr|no|lat|lon|latitude|longitude|year)([_\s-]|$)/i;

async function pastColumns(scratch: Scratch, findings: Findings): Promise<readonly PastColumn[]> {
  const possible = features(findings)
    .filter(({ name, kind, type, distinct }) => {
      const isNumber = kind === 'number' && !/HUGEINT|UBIGINT/.test(type) && distinct > 1;
      return (isNumber || kind === 'boolean') && !name.includes('"') && !idWords.test(name);
    })
    .slice(0, numericMax);
  if (possible.length === 0) return [];
  const bounds = possible.map(({ name }, i) => `max(abs(${sqlName(name)}::double)) AS m${i}`);
  const row = await scratch.one(`select ${bounds.join(', ')} from rows`);
  return possible.flatMap(({ name, kind }, i): PastColumn[] =>
    Number(row[`m${i}`] ?? 0) < magnitudeMax
      ? [{ key: identifier(name), column: name, type: kind === 'boolean' ? 'bool' : 'float' }]
      : [],
  );
}

function outcomeOf(findings: Findings, afterMs: number | undefined): Pick<HistoryPlan, 'outcome'> {
  const { task, target, columns, positive } = findings;
  if (afterMs === undefined) return {};
  if (task === 'multiclass')
    throw new CommandFailure(
      'usage',
      `--outcome-after: "${target}" has several classes, and only a number or one of two classes can be averaged`,
    );
  const kind = columns.find(({ name }) => name === target)?.kind;
  const literal = kind === 'text' ? `'${(positive ?? '').replaceAll("'", "''")}'` : String(Number(positive));
  const is = task === 'regression' ? undefined : kind === 'boolean' ? { isTrue: positive === 'true' } : { literal };
  return { outcome: { column: target, key: identifier(target), afterMs, ...(is === undefined ? {} : { is }) } };
}

interface Trying {
  readonly source: Source;
  readonly candidates: readonly PastFeature[];
}

type Tried = { readonly features: readonly PastFeature[]; readonly said: string };

/** The candidates that trees go by, and what they make of the latest rows. */
async function tryCandidates(request: HistoryRequest, { source, candidates }: Trying): Promise<Tried | Problem> {
  const { scratch, parquet, findings } = request;
  const { createFeatureTrial } = await import('@slipway/server');
  const every = Math.max(1, Math.ceil(findings.rowCount / trialRows));
  const entity = source.entity.column;
  const trial = createFeatureTrial({
    analytics: scratch.analytics,
    table: {
      name: source.table,
      relation: `(select * from read_parquet(${sqlText(parquet)}) where hash(${sqlName(entity)}, 5) % ${every} = 0)`,
    },
    question: {
      target: findings.target,
      task: findings.task,
      ...(findings.positive === undefined ? {} : { positive: findings.positive }),
    },
    columns: features(findings).slice(0, trialColumnsMax).map(trialColumn),
    time: source.time.column,
    entity,
    folder: scratch.folder,
  });
  const measure = (chosen: readonly PastFeature[]) =>
    trial.measure(definitionText({ ...source, features: chosen }), {
      service: source.service,
      warmUpMs: warmUpOf(source),
    });
  try {
    const first = await measure(candidates);
    if (first === undefined) return { problem: 'too few rows with an outcome to see whether features help' };
    const chosen = chosenOf(candidates, first.gain);
    const found = await measure(chosen);
    if (found === undefined || found.parity.different > 0) return { problem: 'the features could not be tried' };
    const { metric, isSure, rows, without } = found;
    const figures = `${metric} ${number(found.with)} with them, ${number(without)} without, on the latest ${rows.holdout.toLocaleString('en-US')} rows`;
    if (!isSure)
      return {
        problem: `features of the earlier rows of each ${entity} do not surely help (${figures}; --features writes them all the same)`,
      };
    return { features: chosen, said: figures };
  } catch (error) {
    // What the trainer cannot learn from it says so; what it would have been worth stays unknown.
    if (error instanceof RangeError) return { problem: `the features could not be tried: ${error.message}` };
    throw error;
  }
}

const number = (value: number): string => String(Number(value.toPrecision(4)));
const proseWords = 3;

function trialColumn({ name, kind, words }: ColumnFinding) {
  switch (kind) {
    case 'number':
    case 'boolean':
      return { name, kind };
    case 'instant':
      return { name, kind: 'date' as const };
    case 'text':
    case 'other':
      return { name, kind: words > proseWords ? ('text' as const) : ('category' as const) };
  }
}

/** A name in features.yaml: letters, digits, underscores. `Customer ID` becomes `Customer_ID`. */
export function identifier(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/\W+/g, '_')
    .slice(0, 60)
    .replaceAll(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(plain) ? plain : `c_${plain}`;
}
