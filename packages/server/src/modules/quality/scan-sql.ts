/**
 * Checks as one SELECT, so that one scan answers all of them, and those of the rows that fail.
 *
 *   SELECT filename, <aggregates of every rule> FROM (SELECT *, <windows> FROM <relation>) GROUP BY filename
 *
 * `relation` is any SQL relation with the columns of the schema and beside them `filename` and `file_row_number`.
 */
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import type { Check } from './check.ts';
import { and } from './scope.ts';

/** The relation with the window columns that these checks need. */
function inner(relation: string, checks: readonly Check[]): string {
  const windows = [...new Set(checks.flatMap((c) => c.windows))];
  const levels = [...new Set(windows.map((w) => w.level))].sort((a, b) => a - b);
  let from = relation;
  for (const level of levels) {
    const columns = windows.filter((w) => w.level === level).map((w) => `${w.sql} AS ${sqlName(w.name)}`);
    from = `(SELECT *, ${columns.join(', ')} FROM ${from})`;
  }
  return from;
}

/** One SELECT that answers all checks: a row per file when `perFile`, else one row. Columns are `c<check>_<what>`. */
export function scanSql(relation: string, checks: readonly Check[], perFile: boolean): string {
  const columns: string[] = perFile ? ['filename'] : [];
  const count = (condition: string): string => `count(*) FILTER (WHERE ${condition})`;
  checks.forEach((check, i) => {
    const put = (what: string, sql: string): void => void columns.push(`${sql} AS c${i}_${what}`);
    switch (check.kind) {
      case 'rows':
        put('n', count(check.elements));
        put('considered', count(check.considered));
        put('unexpected', count(check.unexpected));
        if (check.observed !== undefined) put('observed', check.observed);
        return;
      case 'aggregate':
        put('n', count(check.elements));
        put('missing', count(check.missing));
        put('observed', check.value);
        put('holds', check.holds);
        put('excess', check.excess);
        return;
      case 'groups':
        put('n', count(check.elements));
        put('unexpected', count(and(check.elements, check.unexpected)));
        put(
          'observed',
          `coalesce(arg_max(${check.value}, (${check.unexpected}, ${check.excess})) FILTER (WHERE ${check.elements}), min(${check.value}) FILTER (WHERE ${check.elements}))`,
        );
        put('excess', `max(${check.excess}) FILTER (WHERE ${check.elements})`);
        return;
      case 'contains':
        put('n', count(check.elements));
        put('present', `[${check.present.join(', ')}]`);
        return;
      case 'schema':
        return;
    }
  });
  if (columns.length === (perFile ? 1 : 0)) columns.push('count(*) AS rows');
  return `SELECT ${columns.join(',\n  ')}\nFROM ${inner(relation, checks)}${perFile ? '\nGROUP BY filename' : ''}`;
}

/** The rows that break a check (one of each group that does), as a relation and a condition on it. Undefined where no row can be named. */
export function failingRowsSql(
  relation: string,
  check: Check,
): { readonly relation: string; readonly condition: string } | undefined {
  if (check.kind !== 'rows' && check.kind !== 'groups') return undefined;
  const condition = check.kind === 'rows' ? check.unexpected : and(check.elements, check.unexpected);
  return { relation: inner(relation, [check]), condition };
}

/** A check whose failing rows are wanted, from these files only (all, when undefined). */
export interface SampleWish {
  readonly check: Check;
  readonly paths: readonly string[] | undefined;
}

/** One SELECT that brings the first failing rows (or groups) of these checks, in the order of `paths` and of the rows in each file. */
export function sampleSql(
  relation: string,
  wishes: readonly SampleWish[],
  options: { readonly paths: readonly string[]; readonly limit: number },
): string {
  const list = (paths: readonly string[]): string => paths.map(sqlText).join(', ');
  const place = `(list_position([${list(options.paths)}], filename), file_row_number)`;
  const columns = wishes.map(({ check, paths }, i) => {
    if (check.kind !== 'rows' && check.kind !== 'groups') return `NULL AS c${i}`;
    const fields = check.shown.map((s) => `${sqlName(s.name)} := ${s.sql}`);
    if (options.paths.length > 1) fields.push(`__file := filename`);
    const failing = check.kind === 'rows' ? check.unexpected : and(check.elements, check.unexpected);
    const here = paths === undefined ? 'TRUE' : `filename IN (${list(paths)})`;
    return `arg_min(struct_pack(${fields.join(', ')}), ${place}, ${options.limit}) FILTER (WHERE ${and(failing, here)}) AS c${i}`;
  });
  const checks = wishes.map((w) => w.check);
  return `SELECT ${columns.join(',\n  ')}\nFROM ${inner(relation, checks)}`;
}
