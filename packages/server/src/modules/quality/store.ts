/** Suites and validations in the database. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import type {
  ExpectationResult,
  SuiteSpec,
  ValidatedTable,
  ValidationResult,
  ValidationSummary,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { Db, StoreModule } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { parseSuite, parseSuiteSpec } from './suite.ts';

interface ValidationRow {
  id: string;
  suite: string;
  suite_digest: string;
  success: number;
  evaluated: number;
  failed: number;
  warnings: number;
  dataset_versions: string;
  results: string;
  elapsed_ms: number;
  created_at: number;
  created_by: string;
}

export interface QualityTables {
  quality_suite: { name: string; digest: string; project: string; updated_at: number };
  quality_suite_content: { digest: string; spec: string };
  quality_validation: ValidationRow;
  quality_validation_dataset: { version_id: string; validation: string };
}

export interface StoredSuite {
  readonly name: string;
  readonly digest: string;
  readonly project: string;
  readonly updatedAt: number;
  readonly spec: SuiteSpec;
}

const suiteColumns = [
  'quality_suite.name',
  'quality_suite.digest',
  'quality_suite.project',
  'quality_suite.updated_at',
  'quality_suite_content.spec',
] as const;

/** As suiteKind wrote it from a parsed suite. */
const readSpec = (text: string): SuiteSpec => JSON.parse(text) as SuiteSpec;

/** Suites after `afterName`, by name; the spec was checked when it was stored. */
export async function listSuites(
  tables: Kysely<QualityTables>,
  page: { readonly afterName?: string | undefined; readonly name?: string | undefined; readonly limit: number },
): Promise<StoredSuite[]> {
  let query = tables
    .selectFrom('quality_suite')
    .innerJoin('quality_suite_content', 'quality_suite_content.digest', 'quality_suite.digest')
    .select(suiteColumns)
    .orderBy('quality_suite.name')
    .limit(page.limit);
  if (page.name !== undefined) query = query.where('quality_suite.name', '=', page.name);
  if (page.afterName !== undefined) query = query.where('quality_suite.name', '>', page.afterName);
  const rows = await query.execute();
  return rows.map((r) => ({
    name: r.name,
    digest: r.digest,
    project: r.project,
    updatedAt: r.updated_at,
    spec: readSpec(r.spec),
  }));
}

const summaryColumns = [
  'id',
  'suite',
  'suite_digest',
  'success',
  'evaluated',
  'failed',
  'warnings',
  'dataset_versions',
  'elapsed_ms',
  'created_at',
  'created_by',
] as const;

const summaryOf = (row: Omit<ValidationRow, 'results'>): ValidationSummary => ({
  id: row.id,
  suite: row.suite,
  suiteDigest: row.suite_digest,
  success: row.success === 1,
  evaluated: row.evaluated,
  failed: row.failed,
  warnings: row.warnings,
  datasetVersions: JSON.parse(row.dataset_versions) as ValidatedTable[],
  elapsedMs: row.elapsed_ms,
  createdAt: row.created_at,
  createdBy: row.created_by,
});

/** Newest first. */
export async function listValidations(
  tables: Kysely<QualityTables>,
  page: { readonly beforeId?: string | undefined; readonly suite?: string | undefined; readonly limit: number },
): Promise<ValidationSummary[]> {
  let query = tables.selectFrom('quality_validation').select(summaryColumns).orderBy('id', 'desc').limit(page.limit);
  if (page.suite !== undefined) query = query.where('suite', '=', page.suite);
  if (page.beforeId !== undefined) query = query.where('id', '<', page.beforeId);
  return (await query.execute()).map(summaryOf);
}

/** Newest first. */
export async function validationsOfVersion(db: Db, versionId: string, limit: number): Promise<ValidationSummary[]> {
  const query = db
    .read<QualityTables>()
    .selectFrom('quality_validation_dataset')
    .innerJoin('quality_validation', 'quality_validation.id', 'quality_validation_dataset.validation')
    .select(summaryColumns)
    .where('quality_validation_dataset.version_id', '=', versionId)
    .orderBy('quality_validation_dataset.validation', 'desc')
    .limit(limit);
  return (await db.scan(query)).map(summaryOf);
}

/** What a validation was judged by; contents are never deleted. */
export async function findSuiteContent(tables: Kysely<QualityTables>, digest: string): Promise<SuiteSpec> {
  const row = await tables
    .selectFrom('quality_suite_content')
    .select('spec')
    .where('digest', '=', digest)
    .executeTakeFirstOrThrow();
  return readSpec(row.spec);
}

export async function findValidation(tables: Kysely<QualityTables>, id: string): Promise<ValidationResult | undefined> {
  const row = await tables.selectFrom('quality_validation').selectAll().where('id', '=', id).executeTakeFirst();
  return row && { ...summaryOf(row), results: JSON.parse(row.results) as ExpectationResult[] };
}

/** An event is at most 64 KiB, so it names the first failures only; the validation has all. */
const failuresInEvent = 20;

export const recordValidation = operation(
  'quality.record-validation',
  async (trx, input: Omit<ValidationResult, 'createdAt'>): Promise<ValidationResult> => {
    const row: ValidationRow = {
      id: input.id,
      suite: input.suite,
      suite_digest: input.suiteDigest,
      success: input.success ? 1 : 0,
      evaluated: input.evaluated,
      failed: input.failed,
      warnings: input.warnings,
      dataset_versions: JSON.stringify(input.datasetVersions),
      results: JSON.stringify(input.results),
      elapsed_ms: input.elapsedMs,
      created_at: trx.now,
      created_by: input.createdBy,
    };
    const tables = trx.tables<QualityTables>();
    await tables.insertInto('quality_validation').values(row).execute();
    for (const version_id of new Set(input.datasetVersions.map((table) => table.versionId)))
      await tables.insertInto('quality_validation_dataset').values({ version_id, validation: input.id }).execute();
    const failures = input.results
      .filter((r) => !r.success && r.severity === 'error')
      .slice(0, failuresInEvent)
      .map((r) => ({ id: r.id, sentence: r.sentence.slice(0, 500) }));
    await trx.emit({
      kind: input.success ? 'validation.passed' : 'validation.failed',
      actor: input.createdBy,
      subject: input.id,
      body: {
        suite: input.suite,
        suiteDigest: input.suiteDigest,
        evaluated: input.evaluated,
        failed: input.failed,
        warnings: input.warnings,
        datasetVersions: input.datasetVersions.map(({ table, dataset, versionId, version, digest }) => ({
          table,
          dataset,
          versionId,
          version,
          digest,
        })),
        failures,
      },
    });
    return { ...input, createdAt: trx.now };
  },
);

/** `suites:` of slipway.yaml: the name, and the content of an expectations.yaml. */
export const suiteKind: ResourceKind<SuiteSpec> = {
  kind: 'suite',
  parse: (name, spec) => {
    try {
      const parsed = parseSuiteSpec(spec);
      parseSuite(parsed);
      return parsed;
    } catch (cause) {
      if (!(cause instanceof SlipwayError) || cause.code !== 'suite_invalid') throw cause;
      const problem = `at ${String(cause.details['path'])}: ${String(cause.details['problem'])}.`;
      throw new SlipwayError('resource_invalid', { kind: 'suite', name, problem }, { cause });
    }
  },
  apply: async (trx, { name, spec, digest, project }) => {
    const tables = trx.tables<QualityTables>();
    await tables
      .insertInto('quality_suite_content')
      .values({ digest, spec: JSON.stringify(spec) })
      .onConflict((c) => c.column('digest').doNothing())
      .execute();
    const facts = { digest, project, updated_at: trx.now };
    await tables
      .insertInto('quality_suite')
      .values({ name, ...facts })
      .onConflict((c) => c.column('name').doUpdateSet(facts))
      .execute();
  },
  remove: async (trx, { name }) => {
    await trx.tables<QualityTables>().deleteFrom('quality_suite').where('name', '=', name).execute();
  },
};

export const qualityStore: StoreModule = {
  name: 'quality',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [recordValidation],
};
