/** What the modules together know of one version: the graph from its data to its traffic, and the facts of its model card. */
import type {
  Estimate,
  Gate,
  LineageNode,
  ModelCard,
  ModelVersion,
  Monitor,
  PipelineRunDetail,
  VersionLineage,
} from '@slipway/contract';
import type { VersionFacts } from '../modules/registry/index.ts';
import type { Analytics } from '../platform/analytics/analytics.ts';
import { sqlText } from '../platform/analytics/analytics.ts';
import type { Objects } from '../platform/objects/objects.ts';
import type { Modules } from './modules.ts';
import { createVersionInputs } from './version-inputs.ts';
import { featureNames, makerOf, orUndefined } from './version-origin.ts';

interface Deps {
  readonly modules: Modules;
  readonly objects: Objects;
  readonly analytics: Analytics;
}

/** Endpoints and monitors that are looked through for the version. */
const listedMax = 1000;
/** Windows looked back through for one of this version. */
const windowsRead = 20;

export function createVersionFacts(deps: Deps): VersionFacts {
  return {
    card: (version) => cardOf(deps, version),
    lineage: (version) => lineageOf(deps, version),
    inputs: createVersionInputs(deps),
  };
}

const servesOf = async ({ serving }: Modules, version: ModelVersion): Promise<ModelCard['serves']> =>
  (await serving.list({ limit: listedMax })).items.flatMap(({ name, spec, deployment }) => {
    if (spec.model !== version.model || deployment === undefined) return [];
    const share = deployment.traffic.find((t) => t.version === version.number);
    const isShadow = share === undefined && deployment.shadow === version.number;
    return share === undefined && !isShadow
      ? []
      : [{ endpoint: name, deployment: deployment.number, percent: share?.percent ?? 0, isShadow }];
  });

async function lineageOf({ modules }: Deps, version: ModelVersion): Promise<VersionLineage> {
  const { lineage, runId, gate } = version;
  const nodes: LineageNode[] = [];
  const edges: { from: string; to: string }[] = [];
  const add = (node: LineageNode, after: readonly string[]): string => {
    nodes.push(node);
    edges.push(...after.map((from) => ({ from, to: node.id })));
    return node.id;
  };
  const data = await Promise.all(
    (lineage.datasetVersions ?? []).map(async ({ dataset, number, digest }) => {
      const ref = `${dataset}@${number}`;
      const rows = (await orUndefined(modules.data.resolve(ref)))?.rowCount;
      const fact = rows === undefined ? {} : { fact: `${rows} rows` };
      return add({ id: `dataset ${ref}`, kind: 'dataset', ref, name: ref, digest, ...fact }, []);
    }),
  );
  // Each stage hangs on the last one that is known, so that a gap in the record is no gap in the graph.
  let before: readonly string[] = data;
  const next = (node: Omit<LineageNode, 'id'>): void => {
    before = [add({ ...node, id: `${node.kind} ${node.ref}` }, before)];
  };
  const { featureService, trainingSetDigest, pipelineRun } = lineage;
  if (featureService !== undefined) {
    const name = `${featureService.set}/${featureService.service}`;
    next({ kind: 'features', ref: name, name, digest: featureService.digest });
  }
  if (trainingSetDigest !== undefined)
    next({ kind: 'training-set', ref: trainingSetDigest, name: 'training set', digest: trainingSetDigest });
  if (pipelineRun !== undefined) {
    const found = await orUndefined(modules.pipelines.getRun(pipelineRun));
    const fact = lineage.commit === undefined ? {} : { fact: `commit ${lineage.commit.slice(0, 7)}` };
    const digest = lineage.codeDigest === undefined ? {} : { digest: lineage.codeDigest };
    next({ kind: 'pipeline-run', ref: pipelineRun, name: found?.pipeline ?? 'pipeline run', ...digest, ...fact });
  }
  if (runId !== undefined) next({ kind: 'run', ref: runId, name: lineage.step ?? 'run' });
  if (gate !== undefined) {
    const passed = gate.checks.filter((c) => c.passed).length;
    next({ kind: 'gate', ref: gate.id, name: 'gate', fact: `${passed} of ${gate.checks.length} checks passed` });
  }
  const digest = version.artifactDigest === undefined ? {} : { digest: version.artifactDigest };
  const ref = `${version.model}/${version.number}`;
  next({ kind: 'version', ref, name: `${version.model} v${version.number}`, ...digest });
  for (const { endpoint, percent, isShadow } of await servesOf(modules, version)) {
    const fact = isShadow ? 'in the shadow' : `${percent} % of traffic`;
    add({ id: `endpoint ${endpoint}`, kind: 'endpoint', ref: endpoint, name: endpoint, fact }, before);
  }
  return { nodes, edges };
}

async function cardOf(deps: Deps, version: ModelVersion): Promise<ModelCard> {
  const { modules } = deps;
  const { lineage } = version;
  const model = await modules.registry.getModel(version.model);
  const gate = version.gate === undefined ? undefined : await orUndefined(modules.registry.getGate(version.gate.id));
  const pipelineRun =
    lineage.pipelineRun === undefined ? undefined : await orUndefined(modules.pipelines.getRun(lineage.pipelineRun));
  const [training, settings, data, serves, monitors] = await Promise.all([
    trainingRows(deps, lineage.trainingSetDigest),
    settingsOf(modules, version, pipelineRun),
    Promise.all((lineage.datasetVersions ?? []).map((d) => datasetOf(modules, d))),
    servesOf(modules, version),
    monitorsOf(modules, version),
  ]);
  const known: Omit<ModelCard, 'limits' | 'unknown'> = {
    model: version.model,
    version: version.number,
    versionId: version.id,
    ...(model.description === undefined ? {} : { purpose: model.description }),
    ...(version.description === undefined ? {} : { description: version.description }),
    aliases: version.aliases,
    stage: version.stage,
    registeredAt: version.createdAt,
    registeredBy: version.createdBy,
    ...(version.artifactDigest === undefined ? {} : { artifactDigest: version.artifactDigest }),
    flavor: version.flavor,
    sizeBytes: version.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    data,
    training: {
      ...(lineage.trainingSetDigest === undefined ? {} : { setDigest: lineage.trainingSetDigest }),
      ...training,
      settings,
    },
    code: {
      ...(lineage.codeDigest === undefined ? {} : { digest: lineage.codeDigest }),
      ...(lineage.commit === undefined ? {} : { commit: lineage.commit }),
      ...(lineage.pipelineRun === undefined ? {} : { pipelineRun: lineage.pipelineRun }),
    },
    features: {
      ...(lineage.featureService === undefined ? {} : { service: lineage.featureService }),
      names: featureNames(version, pipelineRun),
    },
    ...(gate === undefined ? {} : { gate: gateFacts(gate) }),
    metrics: gate === undefined ? [] : metricsOf(gate),
    ...(gate?.evidence.paired === undefined ? {} : { paired: gate.evidence.paired }),
    serves,
    monitors,
  };
  return { ...known, limits: limitsOf(known, version), unknown: unknownOf(known) };
}

async function datasetOf(
  { data }: Modules,
  { dataset, number, digest }: { readonly dataset: string; readonly number: number; readonly digest: string },
): Promise<ModelCard['data'][number]> {
  const rows = (await orUndefined(data.resolve(`${dataset}@${number}`)))?.rowCount;
  return { dataset, number, digest, ...(rows === undefined ? {} : { rows }) };
}

interface TrainingRows {
  readonly rows?: number;
  readonly from?: number;
  readonly to?: number;
}

/** Counted in the stored training set itself; nothing where it is not a table of ours. */
async function trainingRows({ objects, analytics }: Deps, digest: string | undefined): Promise<TrainingRows> {
  if (digest === undefined || (await objects.find(digest)) === undefined) return {};
  const source = `read_parquet(${sqlText(await objects.path(digest))})`;
  let columns: readonly string[];
  try {
    const described = await analytics.rows<{ column_name: string }>(`describe select * from ${source}`);
    columns = described.map((column) => column.column_name);
  } catch {
    // Bytes of another format: the card says that the rows are not known.
    return {};
  }
  if (!columns.includes('at')) {
    const [counted] = await analytics.rows<{ n: number }>(`select count(*)::double n from ${source}`);
    return counted === undefined ? {} : { rows: counted.n };
  }
  const [span] = await analytics.rows<{ n: number; first: number | null; last: number | null }>(
    `select count(*)::double n, min("at")::double "first", max("at")::double "last" from ${source}`,
  );
  if (span === undefined) return {};
  const { n, first, last } = span;
  return { rows: n, ...(first === null || last === null ? {} : { from: first, to: last }) };
}

/** Params of the run of the step that made the file, or of the run that registered it. */
async function settingsOf(
  { tracking }: Modules,
  version: ModelVersion,
  pipelineRun: PipelineRunDetail | undefined,
): Promise<Record<string, string>> {
  const runId = makerOf(version, pipelineRun)?.runId ?? version.runId;
  return runId === undefined ? {} : ((await orUndefined(tracking.getRun(runId)))?.params ?? {});
}

function gateFacts({ id, passed, createdAt, evidence }: Gate): NonNullable<ModelCard['gate']> {
  const rows = Object.values(evidence.metrics).find((metric) => metric.n !== undefined)?.n;
  return { id, passed, judgedAt: createdAt, ...(rows === undefined ? {} : { rows }) };
}

const metricsOf = ({ evidence, checks }: Gate): ModelCard['metrics'] =>
  Object.entries(evidence.metrics).map(([name, estimate]) => ({
    name,
    estimate,
    baselines: Object.fromEntries(
      Object.entries(evidence.baselines).flatMap(([baseline, metrics]): [string, Estimate][] => {
        const other = metrics[name];
        return other === undefined ? [] : [[baseline, other]];
      }),
    ),
    bounds: checks
      .filter((check) => check.name.split('.').includes(name))
      .map(({ sentence, passed }) => ({ sentence, passed })),
  }));

/** Of those that watch an endpoint of the model: where the version serves now, or a window was judged for it. */
async function monitorsOf({ serving, monitoring }: Modules, version: ModelVersion): Promise<ModelCard['monitors']> {
  const endpoints = (await serving.list({ limit: listedMax })).items.filter((e) => e.spec.model === version.model);
  const names = new Set(endpoints.map((e) => e.name));
  const watching = (await monitoring.list({ limit: listedMax })).items.filter(
    (m) => m.retiredAt === undefined && names.has(m.endpoint),
  );
  const facts = await Promise.all(watching.map((monitor) => monitorFacts(monitoring, monitor, version.number)));
  const served = new Set(
    endpoints
      .filter((e) => e.deployment?.traffic.some((t) => t.version === version.number) === true)
      .map((e) => e.name),
  );
  return facts.filter(({ last, endpoint }) => last !== undefined || served.has(endpoint));
}

async function monitorFacts(
  monitoring: Modules['monitoring'],
  { name, endpoint }: Monitor,
  version: number,
): Promise<ModelCard['monitors'][number]> {
  const [windows, alerts] = await Promise.all([
    monitoring.windows(name, { limit: windowsRead }),
    monitoring.alerts({ monitor: name, state: 'open', limit: listedMax }),
  ]);
  const last = windows.items.find((window) => window.version === version);
  return {
    monitor: name,
    endpoint,
    ...(last === undefined
      ? {}
      : { last: { from: last.from, to: last.to, status: last.verdict, sentence: last.sentence } }),
    openAlerts: alerts.items.filter((alert) => alert.version === version).length,
  };
}

const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** Sentences that follow from the facts; nothing here is judged anew. */
function limitsOf(card: Omit<ModelCard, 'limits' | 'unknown'>, version: ModelVersion): string[] {
  const { training, gate, metrics, paired, monitors, serves } = card;
  const limits: string[] = [];
  if (training.from !== undefined && training.to !== undefined)
    limits.push(
      `It knows events from ${isoDay(training.from)} to ${isoDay(training.to)} and nothing of other seasons or of what came later.`,
    );
  if (gate === undefined) limits.push('No gate was judged for it: nothing says that it is good enough for any use.');
  for (const check of version.gate?.checks.filter((c) => !c.passed) ?? []) limits.push(check.sentence);
  const unsure = metrics.filter((m) => m.estimate.low === undefined).map((m) => m.name);
  if (unsure.length > 0) limits.push(`Without an interval, so of unknown certainty: ${unsure.join(', ')}.`);
  for (const [name, { low, high }] of Object.entries(paired?.differences ?? {})) {
    if (low !== undefined && high !== undefined && low <= 0 && high >= 0)
      limits.push(`In ${name} it is not shown to differ from version ${paired?.champion}: the interval holds zero.`);
  }
  for (const { monitor, last, openAlerts } of monitors) {
    if (openAlerts > 0) limits.push(`Open alerts of monitor ${monitor}: ${openAlerts}.`);
    else if (last !== undefined && last.status !== 'ok') limits.push(`Monitor ${monitor}: ${last.sentence}`);
  }
  if (serves.length > 0 && monitors.length === 0) limits.push('It serves, and no monitor watches it.');
  return limits;
}

function unknownOf({
  purpose,
  data,
  training,
  code,
  features,
  metrics,
  paired,
  gate,
}: Omit<ModelCard, 'limits' | 'unknown'>): string[] {
  return [
    ...(purpose === undefined ? ['What it is for: describe the model in slipway.yaml.'] : []),
    ...(data.length === 0 ? ['Which dataset versions it learned from.'] : []),
    ...(training.rows === undefined ? ['How many rows it was trained on.'] : []),
    ...(training.from === undefined ? ['Of which time its training rows are.'] : []),
    ...(features.names.length === 0 ? ['Its inputs: register it with a signature.'] : []),
    ...(code.commit === undefined ? ['The commit of the code that made it.'] : []),
    ...(gate !== undefined && !metrics.some((m) => /ece|calibration|brier/i.test(m.name))
      ? ['How well it is calibrated.']
      : []),
    ...(gate !== undefined && paired === undefined ? ['How it compares with the champion on the same rows.'] : []),
    'How it does on parts of the data: no step reports segments.',
  ];
}
