/** Names of things that a workspace has, for the parameters of requests. What it does not have is left out. */
import type { Client } from 'slipway';

export interface Names {
  /** By the path segment before a parameter and the parameter, or by the parameter alone. */
  readonly params: Readonly<Record<string, string>>;
  /** The experiment with the most interesting runs. */
  readonly experiment: string;
  /** Runs whose series may be sampled together. */
  readonly runs: readonly string[];
  /** The run with the longest series, where there is one. */
  readonly longRun: string;
  /** Event time of the last prediction, or of the whole story's end. */
  readonly lastPredictionAt: number;
  readonly headSeq: number;
}

/** Those of a generated workspace that are the largest; elsewhere the first of a list. */
const preferred = new Set(['delay', 'delay-hourly', 'retrain', 'pipeline-0', 'sweep', 'flights', 'flight-delay']);
const runsMax = 50;
const hourMs = 3_600_000;

const pick = <T extends { readonly name?: string }>(items: readonly T[]): T | undefined =>
  items.find((item) => item.name !== undefined && preferred.has(item.name)) ?? items[0];

export async function findNames(client: Client, storyEndsAt: number): Promise<Names> {
  const many = { query: { limit: 200 } };
  const endpoint = pick((await client.endpoints.list(many)).items);
  const model = endpoint?.spec.model ?? pick((await client.models.list(many)).items)?.name ?? '';
  const experiment = pick((await client.experiments.list({ query: { limit: 1000 } })).items)?.name ?? '';
  const runs = (await client.runs.list({ query: { experiment, limit: runsMax } })).items.map((run) => run.id);
  const [long] = (await client.runs.list({ query: { filter: 'attributes.name = "long-series"', limit: 1 } })).items;
  const [pipelineRun] = (await client.pipelineRuns.list({ query: { limit: 1 } })).items;
  const steps = pipelineRun && (await client.pipelineRuns.get({ params: { run: pipelineRun.id } })).steps;
  const step = steps?.find((s) => Object.values(s.outputs).some((o) => 'artifact' in o));
  const output = Object.entries(step?.outputs ?? {}).find(([, o]) => 'artifact' in o)?.[0];
  const version = model === '' ? undefined : await client.models.getVersion({ params: { model, version: '1' } });
  const dataset = pick((await client.datasets.list(many)).items)?.name ?? '';
  const datasetFile =
    dataset === ''
      ? undefined
      : (await client.datasets.version({ params: { dataset, version: 'latest' } })).files[0]?.name;
  const [validation] = (await client.validations.list({ query: { limit: 1 } })).items;
  const [alert] = (await client.alerts.list({ query: { limit: 1 } })).items;
  const [prediction] =
    endpoint === undefined
      ? []
      : (
          await client.endpoints.predictions({
            params: { endpoint: endpoint.name },
            query: { from: endpoint.name === 'delay' ? storyEndsAt - hourMs : 0, limit: 1 },
          })
        ).items;
  const [rollout] =
    endpoint === undefined
      ? []
      : (await client.rollouts.list({ params: { endpoint: endpoint.name }, query: { limit: 1 } })).items;
  const { headSeq } = await client.ledger.list({ query: { limit: 1 } });
  const params: Record<string, string | undefined> = {
    endpoint: endpoint?.name,
    model,
    version: '1',
    monitor: pick((await client.monitors.list(many)).items)?.name,
    policy: pick((await client.policies.list(many)).items)?.name,
    pipeline: pick((await client.pipelines.list(many)).items)?.name,
    project: (await client.projects.list()).items[0]?.name,
    dataset,
    file: datasetFile,
    suite: pick((await client.suites.list(many)).items)?.name,
    set: pick((await client.featureSets.list(many)).items)?.name,
    validation: validation?.id,
    'runs/run': runs[0],
    'pipeline-runs/run': pipelineRun?.id,
    'metrics/key': 'loss',
    'files/path': version?.files[0]?.path,
    alert: alert?.id,
    rollout: rollout?.id,
    prediction: prediction?.id,
    experiment,
    step: step?.step,
    output,
    digest: version?.files[0]?.digest,
    'why/kind': 'prediction',
    'kind/id': prediction?.id,
  };
  const known = Object.entries(params).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  return {
    params: Object.fromEntries(known),
    experiment,
    runs,
    longRun: long?.id ?? runs[0] ?? '',
    lastPredictionAt: prediction === undefined ? storyEndsAt : Math.max(prediction.at, endpoint?.labelWatermarkAt ?? 0),
    headSeq,
  };
}
