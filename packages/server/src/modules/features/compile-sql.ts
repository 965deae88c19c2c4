/**
 * Point-in-time join: a service of a plan as one DuckDB statement.
 *
 * Input: `spine`, one row per wanted vector: `_row` BIGINT unique, `_t` BIGINT µs, and one column `in_<name>` for each
 * entity and request input; one relation per source with the raw columns of its table. Output: `_row` and one DOUBLE per
 * feature, in service order; exactly the rows of the spine.
 *
 * Sums: per lookup, one union of +x rows at `enter`, -x rows at `leave` and probes at `_t`, and one running sum per key over
 * it: the interval rule written out. Ties need no care, since a probe sorts after every row of its instant. Last: rows that
 * become the newest of their key when they enter, joined as of `_t`; with versions, a join over the interval.
 * Cost of the running form: about one sort of (events × (1 + windows) + probes) per lookup; events are first cut to the spine's keys and times,
 * so a small spine reads little. Memory: the sort, under DuckDB's limit. Source: field measurements in docs/guides/features.
 */
import { own } from './definition.ts';
import { operations } from './operations.ts';
import type {
  FeaturePlan,
  GroupPlan,
  LookupPlan,
  NamedValue,
  Plan,
  ServicePlan,
  SourcePlan,
  TermPlan,
} from './plan.ts';
import { retentionOf } from './terms.ts';
import type { Typed, ValueType } from './typed.ts';
import { referencesOf } from './typed.ts';
import { compileSql } from './typed-code.ts';

/** Where a source's rows are. */
export interface Relation {
  /** Something that can stand after FROM. */
  readonly sql: string;
  /** True for a log of pushed rows: columns `__known_us` (effective) and `__position` replace the declared rule. */
  readonly isLog: boolean;
}
export type Relations = (source: SourcePlan) => Relation;

const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** A raw column in canonical form: instants in µs, non-finite and out-of-range numbers null, no negative zero. */
function rawSql(column: string, type: ValueType): string {
  const c = name(column);
  switch (type) {
    case 'time':
      return `epoch_us(${c})`;
    case 'int':
      return `CASE WHEN ${c} BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(${c} AS BIGINT) END`;
    case 'float':
      return `CASE WHEN ${c} = 0 THEN 0e0 WHEN isfinite(CAST(${c} AS DOUBLE)) THEN CAST(${c} AS DOUBLE) END`;
    case 'string':
      return `CAST(${c} AS VARCHAR)`;
    case 'bool':
    case 'duration':
    case 'null':
      return c;
  }
}

/** The canonical rows of a source: e, k, enter, gone, id, tie, pos, `k_<key>`, `c_<column>`. Used by replay as well. */
export function sourceRowsSql(plan: Plan, source: SourcePlan, relation: Relation): string {
  const sql = (value: Typed): string =>
    compileSql(value, { zone: plan.zone, nameOf: (ref) => (ref === '@event_time' ? 'e' : name(`r_${ref}`)) });
  const raw = source.raw.map(({ name: column, type }) => `${rawSql(column, type)} AS ${name(`r_${column}`)}`);
  const declared = source.knownAt ? sql(source.knownAt) : 'e';
  const known = relation.isLog ? '__known_us' : declared;
  const position = relation.isLog ? '__position' : 'row_number() OVER (ORDER BY k, rn)';
  const named = (prefix: string) => (column: NamedValue) => `${sql(column.value)} AS ${name(prefix + column.name)}`;
  const isVersioned = source.versionKey !== undefined;
  const gone = isVersioned
    ? `CASE WHEN id IS NULL THEN NULL ELSE min(k) OVER (PARTITION BY id ORDER BY pos ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) END`
    : 'CAST(NULL AS BIGINT)';
  const conditions = [
    'e IS NOT NULL',
    ...(source.where ? [`(${sql(source.where)})`] : []),
    ...(source.withdrawn ? [`NOT coalesce(${sql(source.withdrawn)}, false)`] : []),
  ];
  // The position is that of the stream, so it is given before any row is left out; a row without versions may go early.
  const early = isVersioned ? 'true' : conditions.join(' AND ');
  return `
    SELECT e, k, greatest(e, k) AS enter, gone, ${isVersioned ? 'id' : 'NULL'} AS id, ${source.tie ? sql(source.tie) : 'CAST(NULL AS BIGINT)'} AS tie, pos
      ${[...source.keys.map(named('k_')), ...source.columns.map(named('c_'))].map((column) => `, ${column}`).join('')}
    FROM (SELECT *, ${gone} AS gone FROM (
      SELECT *, ${position} AS pos FROM (
        SELECT *, ${known} AS k ${source.versionKey ? `, ${sql(source.versionKey)} AS id` : ''} FROM (
          SELECT *, ${sql(source.eventTime)} AS e FROM (
            SELECT ${['row_number() OVER () AS rn', ...(relation.isLog ? ['__known_us', '__position'] : []), ...raw].join(', ')}
            FROM ${relation.sql}))
        WHERE ${early})
      WHERE k IS NOT NULL))
    WHERE ${conditions.join(' AND ')}`;
}

/** References of row expressions: keys, columns and the two times of a canonical row. */
function rowNameOf(source: SourcePlan): (ref: string) => string {
  const keys = new Set(source.keys.map((key) => key.name));
  return (ref) => (ref === '@event_time' ? 'e' : ref === '@known_at' ? 'k' : name((keys.has(ref) ? 'k_' : 'c_') + ref));
}

/**
 * How sums and lasts are found. `running`: one sort of everything, for a spine of about as many rows as the events. `direct`:
 * a join of each row with the events that count at its instant, for a spine of at most some thousand rows.
 */
export type JoinForm = 'running' | 'direct';

interface LookupParts {
  readonly form: JoinForm;
  readonly plan: Plan;
  readonly lookup: LookupPlan;
  readonly source: SourcePlan;
  readonly group: GroupPlan;
  readonly terms: readonly TermPlan[];
}

/** The whole statement. */
export function compileService(
  plan: Plan,
  service: ServicePlan,
  options: { readonly relations: Relations; readonly spine: string; readonly form?: JoinForm },
): string {
  const used = [...new Set(service.features.flatMap(({ value }) => [...referencesOf(value)]))].filter((ref) =>
    ref.startsWith('#'),
  );
  const terms = used.map((ref) => plan.terms[Number(ref.slice(1))]).filter((term) => term !== undefined);
  const lookups = plan.lookups.filter((lookup) => terms.some((term) => term.lookup === lookup.index));
  const ctes: string[] = [
    `spine AS MATERIALIZED (SELECT * FROM ${options.spine})`,
    `span AS MATERIALIZED (SELECT min(_t) AS first, max(_t) AS last FROM spine)`,
  ];
  for (const source of plan.sources) {
    const own = lookups.filter((lookup) => lookup.source === source.index);
    if (own.length === 0) continue;
    ctes.push(`s${source.index} AS MATERIALIZED (${boundedRows(plan, source, own, options.relations(source))})`);
    for (const lookup of own) {
      const group = source.groups[lookup.group];
      if (!group) continue;
      const parts = {
        form: options.form ?? 'running',
        plan,
        lookup,
        source,
        group,
        terms: terms.filter((term) => term.lookup === lookup.index),
      };
      ctes.push(probesSql(parts), ...sumCtes(parts), ...lastCtes(parts));
    }
  }
  const joins = ctes.flatMap((cte) => /^(sum\w+|last\w+) AS/.exec(cte)?.[1] ?? []);
  const columns = service.features.map((feature) => `${featureSql(plan, feature)} AS ${name(feature.name)}`);
  return `WITH ${ctes.join(',\n')}
    SELECT spine._row AS _row, ${columns.join(',\n  ')}
    FROM spine ${joins.map((table) => `LEFT JOIN ${table} ON ${table}._row = spine._row`).join(' ')}
    ORDER BY _row`;
}

/** Rows of a source that can matter to any row of the spine. */
function boundedRows(plan: Plan, source: SourcePlan, lookups: readonly LookupPlan[], relation: Relation): string {
  const retention = Math.max(
    ...lookups.map(({ group }) =>
      retentionOf(source.groups[group] ?? { index: 0, keys: [], windows: [], cellCount: 0, lasts: [] }),
    ),
  );
  const cut = Number.isFinite(retention) ? `AND e + ${retention} > (SELECT first FROM span)` : '';
  return `SELECT * FROM (${sourceRowsSql(plan, source, relation)}) WHERE enter <= (SELECT last FROM span) ${cut}`;
}

function probesSql({ plan, lookup }: LookupParts): string {
  const nameOf = (ref: string): string => (ref === '$now' ? '_t' : name(`in_${ref.slice(1)}`));
  const keys = lookup.values.map((value, i) => `${compileSql(value, { zone: plan.zone, nameOf })} AS q${i}`);
  const present = lookup.values.map((_, i) => `q${i} IS NOT NULL`).join(' AND ');
  return `p${lookup.index} AS MATERIALIZED (SELECT * FROM (SELECT _row, _t, ${keys.join(', ')} FROM spine) WHERE ${present})`;
}

/** Rows of the source whose keys some probe asks for, with keys named q0, q1, …. */
function keyedRows({ lookup, source, group }: LookupParts): { readonly keys: string; readonly from: string } {
  const columns = group.keys.map((key) => name(`k_${key}`));
  const keys = group.keys.map((_, i) => `q${i}`).join(', ');
  const match = `(${columns.join(', ')}) IN (SELECT (${keys}) FROM p${lookup.index})`;
  const single = `${columns[0]} IN (SELECT q0 FROM p${lookup.index})`;
  return {
    keys,
    from: `(SELECT *, ${columns.map((column, i) => `${column} AS q${i}`).join(', ')} FROM s${source.index}
      WHERE ${columns.map((column) => `${column} IS NOT NULL`).join(' AND ')} AND ${columns.length === 1 ? single : match})`,
  };
}

function sumCtes(parts: LookupParts): string[] {
  const { plan, lookup, source, group, terms } = parts;
  const wanted = new Set(
    terms.flatMap((term) => (term.kind === 'sum' ? [term.sum, ...(term.count === undefined ? [] : [term.count])] : [])),
  );
  if (wanted.size === 0) return [];
  const cells = [...wanted].sort((a, b) => a - b);
  const windows = group.windows
    .map((window) => ({ ...window, cells: window.cells.filter(({ cell }) => wanted.has(cell)) }))
    .filter((window) => window.cells.length > 0);
  const measures = [...new Set(windows.flatMap((window) => window.cells.map(({ measure }) => measure)))];
  const rowSql = (value: Typed): string => compileSql(value, { zone: plan.zone, nameOf: rowNameOf(source) });
  const { keys, from } = keyedRows(parts);
  const i = lookup.index;
  const measured = measures.map((index) => {
    const measure = source.measures[index];
    return `${measure ? rowSql(measure.value) : '0'} AS m${index}`;
  });
  const leave = (widthUs: number): string => `least(e + ${widthUs}, gone)`;
  const at = (make: (cell: number) => string): string => cells.map((cell) => `${make(cell)} AS c${cell}`).join(', ');
  const events = `e${i} AS MATERIALIZED (SELECT ${keys}, e, enter, gone, ${measured.join(', ')} FROM ${from})`;
  if (parts.form === 'direct') {
    const widest = Math.max(...windows.map(({ widthUs }) => widthUs));
    const columns = windows.flatMap(({ widthUs, cells: own }) =>
      own.map(({ cell, measure }) => {
        const counts =
          widthUs === widest ? `r.m${measure}` : `CASE WHEN q._t < r.e + ${widthUs} THEN r.m${measure} ELSE 0 END`;
        return `CAST(sum(${counts}) AS BIGINT) AS c${cell}`;
      }),
    );
    const match = group.keys.map((_, k) => `q.q${k} = r.q${k}`).join(' AND ');
    return [
      events,
      `sum${i} AS (SELECT q._row, ${columns.join(', ')} FROM p${i} q JOIN e${i} r
        ON ${match} AND r.enter <= q._t AND q._t < least(r.e + ${widest}, r.gone) GROUP BY q._row)`,
    ];
  }
  const entering = at((cell) => {
    const window = windows.find((candidate) => candidate.cells.some((entry) => entry.cell === cell));
    const entry = window?.cells.find((candidate) => candidate.cell === cell);
    return `CASE WHEN ${leave(window?.widthUs ?? 0)} > enter THEN m${entry?.measure} ELSE 0 END`;
  });
  const leaving = windows.map((window) => {
    const columns = at((cell) => {
      const entry = window.cells.find((candidate) => candidate.cell === cell);
      return entry ? `-m${entry.measure}` : 'CAST(0 AS BIGINT)';
    });
    return `SELECT ${keys}, ${leave(window.widthUs)} AS ts, 0 AS probe, NULL AS _row, ${columns} FROM e${i} WHERE ${leave(window.widthUs)} > enter`;
  });
  return [
    events,
    `u${i} AS (SELECT ${keys}, enter AS ts, 0 AS probe, NULL AS _row, ${entering} FROM e${i}
      UNION ALL ${leaving.join('\nUNION ALL ')}
      UNION ALL SELECT ${keys}, _t, 1, _row, ${at(() => 'CAST(0 AS BIGINT)')} FROM p${i})`,
    `sum${i} AS (SELECT * FROM (SELECT _row, ${at((cell) => `CAST(sum(c${cell}) OVER running AS BIGINT)`)} FROM u${i}
      WINDOW running AS (PARTITION BY ${keys} ORDER BY ts, probe ROWS UNBOUNDED PRECEDING)) WHERE _row IS NOT NULL)`,
  ];
}

function lastCtes(parts: LookupParts): string[] {
  const { plan, lookup, source, group, terms } = parts;
  const rowSql = (value: Typed): string => compileSql(value, { zone: plan.zone, nameOf: rowNameOf(source) });
  const { keys, from } = keyedRows(parts);
  const match = group.keys.map((_, k) => `q.q${k} = r.q${k}`).join(' AND ');
  const used = new Set(terms.flatMap((term) => (term.kind === 'last' ? [term.last] : [])));
  return group.lasts.flatMap((last) => {
    if (!used.has(last.index)) return [];
    const id = `${lookup.index}_${last.index}`;
    const values = last.values.map((value, v) => `${rowSql(value)} AS v${v}`).join(', ');
    const names = last.values.map((_, v) => `r.v${v}`).join(', ');
    const where = last.where ? `WHERE ${rowSql(last.where)}` : '';
    if (parts.form === 'direct' || source.versionKey) {
      const within = Number.isFinite(last.keepUs) ? `AND q._t <= r.e + ${last.keepUs}` : '';
      return [
        `r${id} AS (SELECT ${keys}, e, enter, gone, tie, pos, ${values} FROM ${from} ${where})`,
        `last${id} AS (SELECT q._row, q._t - r.e AS age, ${names} FROM p${lookup.index} q JOIN r${id} r
          ON ${match} AND r.enter <= q._t AND (r.gone IS NULL OR q._t < r.gone) ${within}
          QUALIFY row_number() OVER (PARTITION BY q._row ORDER BY r.e DESC, r.tie DESC NULLS LAST, r.pos DESC) = 1)`,
      ];
    }
    const ranked = `r${id} AS (SELECT ${keys}, e, enter, gone, ${values},
      row_number() OVER (PARTITION BY ${keys} ORDER BY e, tie NULLS FIRST, pos) AS rank FROM ${from} ${where})`;
    return [
      ranked,
      `n${id} AS (SELECT * FROM r${id} QUALIFY rank = max(rank) OVER (PARTITION BY ${keys} ORDER BY enter RANGE UNBOUNDED PRECEDING))`,
      `last${id} AS (SELECT q._row, q._t - r.e AS age, ${names} FROM p${lookup.index} q ASOF JOIN n${id} r ON ${match} AND q._t >= r.enter)`,
    ];
  });
}

function termSql(plan: Plan, term: TermPlan): string {
  if (term.kind === 'last') {
    const table = `last${term.lookup}_${term.last}`;
    const value = `${table}.v${term.value}`;
    return Number.isFinite(term.ttlUs) ? `CASE WHEN ${table}.age <= ${term.ttlUs} THEN ${value} END` : value;
  }
  const cell = (index: number): string => operations.guard.sql([`coalesce(sum${term.lookup}.c${index}, 0)`], plan.zone);
  const sum = cell(term.sum);
  if (term.type === 'int') return sum;
  const scaled = term.scale === 1 ? `CAST(${sum} AS DOUBLE)` : `CAST(${sum} AS DOUBLE) / ${term.scale}e0`;
  if (term.count === undefined) return `(${scaled})`;
  const count = `CAST(${cell(term.count)} AS DOUBLE)`;
  if (!term.smooth) return `(${scaled}) / nullif(${count}, 0e0)`;
  return `(${scaled} + ${floatText(term.smooth.add)}) / (${count} + ${floatText(term.smooth.weight)})`;
}

const floatText = (value: number): string => (String(value).includes('e') ? String(value) : `${value}e0`);

function featureSql(plan: Plan, feature: FeaturePlan): string {
  const nameOf = (ref: string): string => {
    if (ref === '$now') return 'spine._t';
    if (ref.startsWith('$')) return `spine.${name(`in_${ref.slice(1)}`)}`;
    const term = plan.terms[Number(ref.slice(1))];
    return term ? `(${termSql(plan, term)})` : 'NULL';
  };
  const value = compileSql(feature.value, { zone: plan.zone, nameOf });
  const number =
    feature.type === 'float'
      ? value
      : `CAST(${feature.type === 'bool' ? `CAST(${value} AS INTEGER)` : value} AS DOUBLE)`;
  // Negative zero becomes zero; the list form evaluates the value once.
  return `list_transform([${number}], lambda v: CASE WHEN v = 0 THEN 0e0 ELSE v END)[1]`;
}

/**
 * The spine of a service's training rows: `_row`, `_t`, `_id`, `_label`, `_label_known_us`, inputs; with `withOwn` also the
 * table's columns, as the struct `_own`. Rows without t stay, with null.
 */
export function trainingSpineSql(
  plan: Plan,
  service: ServicePlan,
  { relation, withOwn = false }: { readonly relation: string; readonly withOwn?: boolean },
): string {
  const { rows } = service;
  if (!rows) return '';
  const column = (value: Typed): string => compileSql(value, { zone: plan.zone, nameOf: (ref) => name(`r_${ref}`) });
  const raw = rows.raw.map(({ name: raw, type }) => `${rawSql(raw, type)} AS ${name(`r_${raw}`)}`);
  const inputs = plan.inputs.map(({ name: input, type }) => {
    const given = rows.inputs.find((candidate) => candidate.name === input);
    return `${given ? column(given.value) : `CAST(NULL AS ${sqlType(type)})`} AS ${name(`in_${input}`)}`;
  });
  const label = rows.label ? `CAST(${column(rows.label.value)} AS DOUBLE)` : 'CAST(NULL AS DOUBLE)';
  const labelKnown = rows.label ? column(rows.label.knownAt) : 'CAST(NULL AS BIGINT)';
  const atInputs = service.at
    ? compileSql(service.at, { zone: plan.zone, nameOf: (ref) => name(`in_${ref.slice(1)}`) })
    : '_at';
  const own = withOwn ? { read: ['o AS _own'], kept: ['_own'] } : { read: [], kept: [] };
  const read = ['row_number() OVER () AS rn', ...raw, ...own.read];
  const kept = [
    'rn AS _row',
    `CAST(${rows.id ? column(rows.id) : 'rn'} AS VARCHAR) AS _id`,
    `${rows.at ? column(rows.at) : 'CAST(NULL AS BIGINT)'} AS _at`,
    `${label} AS _label`,
    `${labelKnown} AS _label_known_us`,
    ...inputs,
    ...own.kept,
  ];
  return `SELECT * EXCLUDE (_at), ${atInputs} AS _t FROM (
    SELECT ${kept.join(', ')} FROM (SELECT ${read.join(', ')} FROM ${relation}${withOwn ? ' AS o' : ''}))`;
}

export function sqlType(type: ValueType): string {
  const types = {
    int: 'BIGINT',
    time: 'BIGINT',
    duration: 'BIGINT',
    null: 'BIGINT',
    float: 'DOUBLE',
    bool: 'BOOLEAN',
    string: 'VARCHAR',
  };
  return own(types, type) ?? 'BIGINT';
}
