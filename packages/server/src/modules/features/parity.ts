/** Comparing vectors of the two ways: by the compiled statement and by the engine. Equal means equal bits; NaN is null. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { JoinForm, Relations } from './compile-sql.ts';
import { compileService } from './compile-sql.ts';
import type { Plan, ServicePlan } from './plan.ts';

export interface CompiledInput {
  readonly plan: Plan;
  readonly service: ServicePlan;
  readonly relations: Relations;
  /** See compile-sql.ts. */
  readonly spine: string;
  readonly form?: JoinForm;
}

/** Vectors by the compiled statement, row-major in the order of `_row`. */
export async function bySql(
  connection: DuckDBConnection,
  { plan, service, form = 'running', relations, spine }: CompiledInput,
): Promise<Float64Array> {
  const columns = (
    await connection.runAndReadAll(compileService(plan, service, { relations, spine, form }))
  ).getColumns();
  const width = service.features.length;
  const rowCount = columns[0]?.length ?? 0;
  const values = new Float64Array(rowCount * width);
  for (let f = 0; f < width; f++) {
    const column = columns[f + 1] ?? [];
    // The statement's columns are DOUBLE.
    for (let r = 0; r < rowCount; r++) values[r * width + f] = (column[r] as number | null) ?? Number.NaN;
  }
  return values;
}

export interface ParityExample {
  readonly row: number;
  readonly feature: string;
  readonly online: number | null;
  readonly offline: number | null;
}

export interface Parity {
  readonly rows: number;
  readonly cells: number;
  readonly different: number;
  readonly examples: readonly ParityExample[];
}

/** Examples that a report keeps. */
const examplesMax = 10;

export function compareBits(online: Float64Array, offline: Float64Array, names: readonly string[]): Parity {
  const cells = Math.max(online.length, offline.length);
  const examples: ParityExample[] = [];
  let different = 0;
  const shown = (value: number | undefined): number | null =>
    value === undefined || Number.isNaN(value) ? null : value;
  for (let i = 0; i < cells; i++) {
    if (Object.is(online[i], offline[i])) continue;
    different++;
    if (examples.length >= examplesMax) continue;
    const feature = names[i % names.length] ?? '';
    examples.push({ row: Math.floor(i / names.length), feature, online: shown(online[i]), offline: shown(offline[i]) });
  }
  return { rows: names.length === 0 ? 0 : cells / names.length, cells, different, examples };
}
