/** Suites as applied, and validations: resolve the tables, scan, judge, keep the result. */
import type {
  DataRows,
  Suite,
  ValidatedTable,
  ValidationRequest,
  ValidationResult,
  ValidationSummary,
} from '@slipway/contract';
import { idToHex, SlipwayError } from '@slipway/contract';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import { compileTable } from './compile.ts';
import { failingRowsSql } from './scan-sql.ts';
import type { Datasets, RowsRequest, SelectedDataset } from './ports.ts';
import type { QualityTables, StoredSuite } from './store.ts';
import {
  findSuiteContent,
  findValidation,
  listSuites,
  listValidations,
  recordValidation,
  validationsOfVersion,
} from './store.ts';
import type { ParsedSuite } from './suite.ts';
import { parseSuite } from './suite.ts';
import type { TableSource } from './validate.ts';
import { validate } from './validate.ts';

export interface Quality {
  listSuites(page: PageRequest): Promise<Page<Omit<Suite, 'spec'>>>;
  getSuite(name: string): Promise<Suite>;
  /** Runs to the end in the call; `signal` interrupts the scan. Throws when the suite or a table is not there. */
  validate(
    request: ValidationRequest,
    caller: { actor: string; signal?: AbortSignal | undefined },
  ): Promise<ValidationResult>;
  listValidations(page: {
    limit: number;
    pageToken?: string | undefined;
    suite?: string | undefined;
  }): Promise<Page<ValidationSummary>>;
  getValidation(id: string): Promise<ValidationResult>;
  /** Validations of one dataset version, newest first. */
  validationsOf(versionId: string, limit: number): Promise<ValidationSummary[]>;
  /** Rows that failed an expectation, read again from the version that was checked. Throws `rows_not_named`. */
  failingRows(
    id: string,
    request: RowsRequest & { readonly expectation: string },
  ): Promise<DataRows & { readonly expectation: string }>;
}

export interface QualityDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly analytics: Analytics;
  readonly datasets: Datasets;
}

const suiteOf = (stored: StoredSuite): Suite => ({
  name: stored.name,
  digest: stored.digest,
  expectationCount: Object.values(stored.spec.tables).reduce((sum, t) => sum + t.expectations.length, 0),
  tables: Object.keys(stored.spec.tables),
  spec: stored.spec,
  project: stored.project,
  updatedAt: stored.updatedAt,
});

const sourceOf = (selected: SelectedDataset): TableSource => ({
  relation: selected.relation,
  schema: selected.schema,
  files: selected.files.map((f, i) => ({ name: f.name, path: selected.paths[i] ?? '' })),
});

async function mustFindSuite(db: Db, name: string): Promise<StoredSuite> {
  const [found] = await listSuites(db.read<QualityTables>(), { name, limit: 1 });
  if (found) return found;
  const remedy = 'Declare it under `suites:` in slipway.yaml and apply.';
  throw new SlipwayError('not_found', { noun: 'expectation suite', name, remedy });
}

/** A dataset for each table of the suite. Throws `suite_tables_wrong` when the request names others. */
async function selectTables(
  datasets: Datasets,
  suite: ParsedSuite,
  request: ValidationRequest,
): Promise<{ table: string; dataset: SelectedDataset }[]> {
  const expected = suite.tables.map((t) => t.table);
  const found = Object.keys(request.tables);
  if (expected.length !== found.length || expected.some((t) => !found.includes(t))) {
    throw new SlipwayError('suite_tables_wrong', {
      suite: request.suite,
      expected: expected.join(', '),
      found: found.join(', ') || 'none',
    });
  }
  return Promise.all(
    expected.map(async (table) => {
      const dataset = await datasets.resolve(request.tables[table] ?? '', { files: request.files });
      return { table, dataset };
    }),
  );
}

const judgedTable = ({ table, dataset }: { table: string; dataset: SelectedDataset }): ValidatedTable => ({
  table,
  dataset: dataset.dataset,
  versionId: dataset.id,
  version: dataset.number,
  digest: dataset.digest,
  files: dataset.files.map((f) => f.name),
  rowCount: dataset.rowCount,
});

async function runValidation(
  deps: QualityDeps,
  request: ValidationRequest,
  caller: { actor: string; signal?: AbortSignal | undefined },
): Promise<ValidationResult> {
  const { db, ids, clock, analytics } = deps;
  const startedAt = clock.monotonic();
  const stored = await mustFindSuite(db, request.suite);
  const suite = parseSuite(stored.spec);
  const selected = await selectTables(deps.datasets, suite, request);
  const tables = new Map(selected.map(({ table, dataset }) => [table, sourceOf(dataset)]));
  const results = await validate({ suite, tables, connect: () => analytics.connect(), signal: caller.signal });
  const failed = results.filter((r) => !r.success && r.severity === 'error').length;
  return db.write(recordValidation, {
    id: ids.next('validation'),
    suite: stored.name,
    suiteDigest: stored.digest,
    success: failed === 0,
    evaluated: results.length,
    failed,
    warnings: results.filter((r) => !r.success && r.severity === 'warning').length,
    datasetVersions: selected.map(judgedTable),
    elapsedMs: clock.monotonic() - startedAt,
    createdBy: caller.actor,
    results,
  });
}

/** The check of one expectation as it was judged: by the suite's content of that time, over the files of that time. */
async function failingRows(
  deps: QualityDeps,
  validation: ValidationResult,
  request: RowsRequest & { readonly expectation: string },
): Promise<DataRows & { readonly expectation: string }> {
  const { expectation } = request;
  const result = validation.results.find((r) => r.id === expectation);
  if (result === undefined) {
    const remedy = `\`slipway data validation ${validation.id}\` shows what it judged.`;
    throw new SlipwayError('not_found', { noun: 'expectation', name: expectation, remedy });
  }
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('rows_not_named', { expectation, validation: validation.id, problem });
  const suite = parseSuite(await findSuiteContent(deps.db.read<QualityTables>(), validation.suiteDigest));
  const table = suite.tables.find((t) => t.table === result.table);
  const judged = validation.datasetVersions.find((d) => d.table === result.table);
  if (table === undefined || judged === undefined) throw refuse('its table is not in the suite that judged it');
  const selected = await deps.datasets.resolve(`${judged.dataset}@${judged.version}`, { files: judged.files });
  const { checks, problems } = compileTable({ table, schema: selected.schema, perFile: suite.each === 'file' });
  const check = checks.find((c) => c.rule.id === expectation);
  if (check === undefined) {
    const rule = table.rules.find((r) => r.id === expectation);
    throw refuse((rule && problems.get(rule)) ?? 'the data cannot answer it');
  }
  const failing = failingRowsSql(selected.relation, check);
  if (failing === undefined) throw refuse('it speaks of the table as a whole, not of its rows');
  const filter = { id: `${validation.suiteDigest} ${expectation}`, ...failing };
  const page = await deps.datasets.pageRows({ ...selected, filter }, request);
  return {
    dataset: judged.dataset,
    version: judged.version,
    expectation,
    rowCount: result.unexpectedCount,
    ...page,
  };
}

export function createQuality(deps: QualityDeps): Quality {
  const { db } = deps;
  const tables = () => db.read<QualityTables>();
  const getValidation = async (id: string): Promise<ValidationResult> => {
    idToHex('validation', id);
    const found = await findValidation(tables(), id);
    if (found) return found;
    throw new SlipwayError('not_found', { noun: 'validation', name: id, remedy: 'GET /api/validations lists them.' });
  };

  return {
    listSuites: async ({ limit, pageToken }) => {
      const fingerprint = fingerprintOf('suites.list');
      const after = pageToken === undefined ? undefined : decodePageToken(pageToken, fingerprint, 1)[0];
      const found = await listSuites(tables(), { afterName: after?.toString(), limit: limit + 1 });
      return pageOf(
        found,
        limit,
        (stored) => encodePageToken(fingerprint, [stored.name]),
        (stored) => {
          const { spec: _, ...summary } = suiteOf(stored);
          return summary;
        },
      );
    },
    getSuite: async (name) => suiteOf(await mustFindSuite(db, name)),
    validate: (request, caller) => runValidation(deps, request, caller),
    listValidations: async ({ limit, pageToken, suite }) => {
      const fingerprint = fingerprintOf(['validations.list', suite ?? null]);
      const before = pageToken === undefined ? undefined : decodePageToken(pageToken, fingerprint, 1)[0];
      const found = await listValidations(tables(), { beforeId: before?.toString(), suite, limit: limit + 1 });
      return pageOf(
        found,
        limit,
        (result) => encodePageToken(fingerprint, [result.id]),
        (result) => result,
      );
    },
    getValidation,
    validationsOf: (versionId, limit) => validationsOfVersion(db, versionId, limit),
    failingRows: async (id, request) => failingRows(deps, await getValidation(id), request),
  };
}
