/** What monitoring sees of serving and the registry: the prediction log as columns, and a version's training rows. */
import type { Analytics } from '../platform/analytics/analytics.ts';
import { sqlText } from '../platform/analytics/analytics.ts';
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
    findNextPrediction: (endpoint, at) => serving.findNextPrediction(endpoint, at),
    readPredictions: async (endpoint, range) => {
      const all = await serving.readLabelled(endpoint, range);
      const stride = Math.max(1, Math.ceil(all.length / range.rowsMax));
      const rows = stride === 1 ? all : all.filter((_, i) => i % stride === 0);
      const names = range.features ? [...new Set(rows.flatMap((r) => r.featureNames))] : [];
      return {
        total: all.length,
        at: Float64Array.from(rows, (r) => r.at),
        version: Int32Array.from(rows, (r) => r.version),
        score: Float64Array.from(rows, (r) => r.score),
        shadowVersion: Int32Array.from(rows, (r) => r.shadowVersion),
        shadowScore: Float64Array.from(rows, (r) => r.shadowScore),
        label: Float64Array.from(rows, (r) => r.label),
        features: names.map((name) => ({
          name,
          values: Float64Array.from(rows, (r) => r.features[r.featureNames.indexOf(name)] ?? Number.NaN),
        })),
      };
    },
    readReference: async (model, version) => {
      const digest = (await registry.getVersion(model, version)).lineage.trainingSetDigest;
      if (digest === undefined || (await objects.find(digest)) === undefined) return undefined;
      const reference = await readReference(analytics, await objects.path(digest));
      return { ...reference, score: await serving.scoreRows(model, version, reference.features) };
    },
  };
}

/** Columns of a training set: `at`, and every float column as a feature; `score` when the training kept one. */
async function readReference(analytics: Analytics, path: string): Promise<ReferenceRows> {
  const connection = await analytics.connect();
  try {
    const source = `read_parquet(${sqlText(path)})`;
    const described = await connection.runAndReadAll(`describe select * from ${source}`);
    const features = described
      .getRowObjectsJS()
      .filter((c) => c['column_type'] === 'DOUBLE')
      .map(({ column_name: name }) => name)
      .filter((name) => typeof name === 'string');
    const [total = { n: 0 }] = (
      await connection.runAndReadAll(`select count(*)::int n from ${source}`)
    ).getRowObjectsJS() as { n: number }[];
    const stride = Math.max(1, Math.ceil(total.n / referenceRowsMax));
    const columns = features.map((f) => `"${f.replaceAll('"', '""')}"`).join(', ');
    const reader = await connection.runAndReadAll(
      `select "at", ${columns} from ${source} where file_row_number % ${stride} = 0`.replace(
        source,
        `read_parquet(${sqlText(path)}, file_row_number = true)`,
      ),
    );
    const [at = [], ...values] = reader.getColumns();
    return {
      at: Float64Array.from(at, Number),
      features: features.map((name, i) => ({
        name,
        values: Float64Array.from(values[i] ?? [], (v) => (v === null ? Number.NaN : Number(v))),
      })),
      score: undefined,
    };
  } finally {
    connection.closeSync();
  }
}
