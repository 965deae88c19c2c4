/** What monitoring sees of serving and the registry: the prediction log as columns, and a version's training rows. */
import { z } from 'zod';
import type { Analytics } from '../platform/analytics/analytics.ts';
import { sqlName, sqlText } from '../platform/analytics/analytics.ts';
import type { Objects } from '../platform/objects/objects.ts';
import type { MonitoringPorts, ReferenceRows } from '../modules/monitoring/index.ts';
import type { Registry } from '../modules/registry/index.ts';
import type { Serving } from '../modules/serving/index.ts';

/** Training rows used as a reference: more would not move a quantile. */
const referenceRowsMax = 60_000;

interface Deps {
  readonly serving: Serving;
  readonly registry: Registry;
  readonly objects: Objects;
  readonly analytics: Analytics;
}

export function createMonitoringPorts({ serving, registry, objects, analytics }: Deps): MonitoringPorts {
  return {
    findModel: async (endpoint) => (await serving.get(endpoint)).spec.model,
    findNextPrediction: (endpoint, at, enough) => serving.findNextPrediction(endpoint, at, enough),
    markPredictions: (endpoint, range) => serving.markLabelled(endpoint, range),
    readPredictions: (endpoint, range) => serving.readLabelled(endpoint, range),
    readPairs: (endpoint, range) => serving.versionPairs(endpoint, range),
    taskOf: (endpoint) => serving.task(endpoint),
    answer: async (model, version, { count, features, texts }) => {
      const numbers = new Map(features.map(({ name, values }) => [name, values]));
      const words = new Map(texts.map(({ name, values }) => [name, values]));
      const rows = { count, names: [...numbers.keys()], numbers: (name: string) => numbers.get(name) };
      return (
        (await serving.answerRows(model, version, { ...rows, texts: (name) => words.get(name) })) ?? { kind: 'score' }
      );
    },
    findGateFigure: async (model, version, metric) => {
      const { gate } = await registry.getVersion(model, version);
      return gate === undefined ? undefined : (await registry.getGate(gate.id)).evidence.metrics[metric]?.value;
    },
    readReference: async (model, version) => {
      const { lineage, tags, signature } = await registry.getVersion(model, version);
      const digest = lineage.trainingSetDigest;
      if (digest === undefined || (await objects.find(digest)) === undefined) return undefined;
      const inputs = new Set(signature?.inputs?.map(({ name }) => name));
      const reference = inputsOnly(await readReference(analytics, await objects.path(digest)), tags[tableTag], inputs);
      return { ...reference, score: await serving.scoreRows(model, version, reference.features) };
    },
  };
}

/** The tag in which the version of a table's model says what it answers. */
const tableTag = 'slipway.table';
const Said = z.object({ target: z.string() });

/**
 * Rows of a table hold the target under its own name, and beside the model's columns those that only splits and look-ups of
 * features use, such as a customer's id: a request may bring them too, and they are no inputs of the model.
 */
function inputsOnly(rows: ReferenceRows, tag: string | undefined, inputs: ReadonlySet<unknown>): ReferenceRows {
  const said = Said.safeParse(jsonOf(tag));
  if (!said.success) return rows;
  const isInput = ({ name }: { readonly name: string }): boolean =>
    name !== said.data.target && !name.startsWith('~') && (inputs.size === 0 || inputs.has(name));
  return { ...rows, features: rows.features.filter(isInput), texts: rows.texts.filter(isInput) };
}

/** Anybody may write a tag: what is no JSON says nothing. */
function jsonOf(tag: string | undefined): unknown {
  try {
    return JSON.parse(tag ?? 'null');
  } catch {
    return null;
  }
}

/** Columns of a training set: `at`, every float column as a feature, every text; `score` when the training kept one. */
async function readReference(analytics: Analytics, path: string): Promise<ReferenceRows> {
  const connection = await analytics.connect();
  try {
    const source = `read_parquet(${sqlText(path)})`;
    const described = await connection.runAndReadAll(`describe select * from ${source}`);
    const found = described.getRowObjectsJS();
    // Rows of a table have no instant: they are one period.
    const hasAt = found.some((c) => c['column_name'] === 'at');
    const columns = found
      .map((c) => ({ name: c['column_name'], type: c['column_type'] }))
      .flatMap(({ name, type }) =>
        typeof name === 'string' && (type === 'DOUBLE' || type === 'VARCHAR') ? [{ name, type }] : [],
      );
    const [total = { n: 0 }] = (
      await connection.runAndReadAll(`select count(*)::int n from ${source}`)
    ).getRowObjectsJS() as { n: number }[];
    const stride = Math.max(1, Math.ceil(total.n / referenceRowsMax));
    const names = columns.map(({ name }) => sqlName(name)).join(', ');
    const reader = await connection.runAndReadAll(
      `select ${hasAt ? '"at"' : '0::double'}, ${names} from read_parquet(${sqlText(path)}, file_row_number = true) where file_row_number % ${stride} = 0`,
    );
    const [at = [], ...values] = reader.getColumns();
    const of = (type: string): { name: string; values: readonly unknown[] }[] =>
      columns.flatMap((c, i) => (c.type === type ? [{ name: c.name, values: values[i] ?? [] }] : []));
    return {
      at: Float64Array.from(at, Number),
      features: of('DOUBLE').map((c) => ({
        name: c.name,
        values: Float64Array.from(c.values, (v) => (v === null ? Number.NaN : Number(v))),
      })),
      texts: of('VARCHAR').map((c) => ({
        name: c.name,
        values: c.values.map((v) => (typeof v === 'string' ? v : null)),
      })),
      score: undefined,
    };
  } finally {
    connection.closeSync();
  }
}
