/** One explainer per kind of `slipway why`: facts of the module that owns the thing, and what it came from. */
import type { ModelVersion, PredictionRecord } from '@slipway/contract';
import type { Explain, Explanation, Reference } from '../modules/governance/index.ts';
import type { Modules } from './modules.ts';
import type { Platform } from './platform.ts';

/** A module's own `not_found` means: this kind does not know the id. */
async function orUndefined<T>(find: Promise<T>): Promise<T | undefined> {
  try {
    return await find;
  } catch (error) {
    if (error instanceof Error && 'status' in error && (error.status === 404 || error.status === 400)) return undefined;
    throw error;
  }
}

const instant = (at: number): string => new Date(at).toISOString();
const optional = (kind: string, id: string | undefined): Reference[] => (id === undefined ? [] : [{ kind, id }]);

export function createExplainers(platform: Platform, modules: Modules): Readonly<Record<string, Explain>> {
  const { registry, tracking, data, projects, monitoring } = modules;
  return {
    ...explainServing(modules),
    ...explainAutomation(platform, modules),
    version: async (id) => {
      const found = id.startsWith('mdv_')
        ? await registry.findVersionById(id)
        : await orUndefined(registry.resolve(id));
      return found && explainVersion(found);
    },
    run: async (id) => {
      const found = await orUndefined(tracking.getRun(id));
      if (!found) return undefined;
      const metrics = found.metrics.slice(0, 8).map((m): [string, string] => [m.key, String(m.value)]);
      return {
        title: `tracked run ${found.name} (${found.status})`,
        facts: {
          experiment: found.experiment,
          startedAt: instant(found.startedAt),
          user: found.user ?? null,
          ...Object.fromEntries(metrics),
        },
        because: [
          ...optional('pipeline-run', found.tags['slipway.pipelineRun']),
          ...found.datasets.map((d) => ({ kind: 'dataset', id: `${d.name} ${d.digest}` })),
        ],
      };
    },
    'pipeline-run': (id) => explainPipelineRun(modules, id),
    'dataset-version': async (id) => {
      const found = await orUndefined(data.resolve(id));
      if (!found) return undefined;
      return {
        title: `dataset ${found.dataset}, version ${found.number}`,
        facts: {
          digest: found.digest,
          rows: found.rowCount,
          files: found.files.length,
          by: found.createdBy,
          at: instant(found.createdAt),
        },
        because: found.files.map((f) => ({ kind: 'file', id: `${f.name} ${f.digest}` })),
      };
    },
    file: async (id) => ({ title: id, facts: {}, because: [] }),
    dataset: async (id) => ({ title: `dataset ${id}, in the words of the run`, facts: {}, because: [] }),
    project: async (id) => {
      const found = await orUndefined(projects.get(id));
      return (
        found && {
          title: `project ${found.name}, apply ${found.applyNumber}`,
          facts: {
            commit: found.source?.commit ?? null,
            dirty: found.source?.dirty ?? null,
            codeDigest: found.bundleDigest,
            by: found.appliedBy,
            at: instant(found.appliedAt),
          },
          because: [],
        }
      );
    },
    alert: async (id) => (await orUndefined(monitoring.explainAlert(id))) ?? undefined,
  };
}

function explainServing(modules: Modules): Readonly<Record<string, Explain>> {
  const { serving } = modules;
  const versions = async (endpoint: string, numbers: readonly number[]): Promise<Reference[]> => {
    const { spec } = await serving.get(endpoint);
    return [...new Set(numbers)].map((number) => ({ kind: 'version', id: `${spec.model}/${number}` }));
  };
  return {
    prediction: async (id) => {
      const found = await orUndefined(serving.prediction(id));
      return found && explainPrediction(found, await serving.findDeploymentOf(found.endpoint, found.deployment));
    },
    deployment: async (id) => {
      const found = await serving.findDeployment(id);
      if (!found) return undefined;
      const traffic = found.traffic.map((t) => `version ${t.version} ${t.percent} %`).join(', ');
      const shadow = found.shadow === undefined ? [] : [found.shadow];
      return {
        title: `deployment ${found.number} of endpoint ${found.endpoint}`,
        facts: {
          traffic,
          shadow: found.shadow ?? null,
          reason: found.reason === '' ? null : found.reason,
          by: found.createdBy,
          at: instant(found.createdAt),
        },
        because: [
          ...optional('rollout', found.rollout),
          ...(await versions(found.endpoint, [...found.traffic.map((t) => t.version), ...shadow])),
        ],
      };
    },
    rollout: async (id) => {
      const found = await orUndefined(serving.rollout(id));
      if (!found) return undefined;
      const last = found.decisions.at(-1);
      return {
        title: `rollout of version ${found.candidate} over ${found.incumbent} on ${found.endpoint}`,
        facts: {
          state: found.state,
          decision: last?.sentence ?? null,
          guard: found.guard ?? null,
          startedBy: found.startedBy,
          at: instant(found.startedAt),
        },
        because: [
          ...(await causeOf(modules, found.startedBy, found.id)),
          ...(await versions(found.endpoint, [found.candidate, found.incumbent])),
        ],
      };
    },
  };
}

/** Most firings of a policy that are looked through for the one that started a thing. */
const firingsSearched = 200;

/** What a policy started came from the firing that started it. */
async function causeOf(modules: Modules, startedBy: string, id: string): Promise<Reference[]> {
  if (!startedBy.startsWith('policy:')) return [];
  const policy = startedBy.slice('policy:'.length);
  const page = await orUndefined(modules.automation.firings(policy, { limit: firingsSearched }));
  const firing = page?.items.find((f) => Object.values(f.result ?? {}).includes(id));
  return firing === undefined ? [] : [{ kind: 'policy-firing', id: `${policy}/${firing.id}` }];
}

async function explainPipelineRun(modules: Modules, id: string): Promise<Explanation | undefined> {
  const found = await orUndefined(modules.pipelines.getRun(id));
  if (!found) return undefined;
  return {
    title: `run of pipeline ${found.pipeline} (${found.state})`,
    facts: {
      startedBy: found.startedBy,
      at: instant(found.startedAt),
      reason: found.reason ?? null,
      commit: found.commit ?? null,
      codeDigest: found.bundle,
      params: JSON.stringify(found.params),
    },
    because: [
      ...found.datasets.map((d) => ({ kind: 'dataset-version', id: `${d.dataset}@${d.number}` })),
      ...(await causeOf(modules, found.startedBy, found.id)),
      ...optional('pipeline-run', found.rerunOf),
    ],
  };
}

/** Kinds of the things that events speak of, by the prefix of their ids. */
const kindOfPrefix: Readonly<Record<string, string>> = {
  alt: 'alert',
  dep: 'deployment',
  dsv: 'dataset-version',
  mdv: 'version',
  plr: 'pipeline-run',
  rol: 'rollout',
  run: 'run',
};

function explainAutomation({ ledger }: Platform, { automation }: Modules): Readonly<Record<string, Explain>> {
  return {
    'policy-firing': async (id) => {
      const slash = id.lastIndexOf('/');
      const page = await orUndefined(automation.firings(id.slice(0, slash), { limit: firingsSearched }));
      const found = page?.items.find((f) => String(f.id) === id.slice(slash + 1));
      if (!found) return undefined;
      return {
        title: `policy ${found.policy}, firing ${found.id} (${found.state})`,
        facts: { reason: found.reason, decidedBy: found.decidedBy ?? null, at: instant(found.createdAt) },
        because: [{ kind: 'event', id: String(found.causeSeq) }],
      };
    },
    event: async (id) => {
      const seq = Number(id);
      const [found] = await ledger.list({ afterSeq: seq - 1, limit: 1 });
      if (found?.seq !== seq) return undefined;
      const kind = kindOfPrefix[found.subject.slice(0, 3)];
      const { model, version } = found.body;
      const because =
        kind !== undefined && found.subject[3] === '_'
          ? [{ kind, id: found.subject }]
          : typeof model === 'string' && typeof version === 'number'
            ? [{ kind: 'version', id: `${model}/${version}` }]
            : [];
      return {
        title: `event ${seq}: ${found.kind} of ${found.subject}`,
        facts: { actor: found.actor, at: instant(found.at), digest: found.digest },
        because,
      };
    },
  };
}

function explainPrediction(found: PredictionRecord, deployment: { id: string } | undefined): Explanation {
  // A text or a date is among the inputs as it was sent; the features are numbers.
  const features = Object.entries(found.features).flatMap(([name, value]) => {
    const known = value ?? found.inputs[name] ?? '';
    if (known === '') return [];
    return [`${name}=${typeof known === 'number' ? known.toPrecision(6) : String(known)}`];
  });
  return {
    title: `prediction ${found.id}: ${found.score.toFixed(4)}`,
    facts: {
      endpoint: found.endpoint,
      at: instant(found.at),
      latencyUs: found.latencyUs,
      label: found.label?.value ?? 'not known yet',
      features: features.join(' '),
    },
    because: [{ kind: 'version', id: `${found.model}/${found.version}` }, ...optional('deployment', deployment?.id)],
  };
}

function explainVersion(found: ModelVersion): Explanation {
  const { lineage } = found;
  return {
    title: `model ${found.model}, version ${found.number}`,
    facts: {
      aliases: found.aliases.join(', ') || null,
      by: found.createdBy,
      at: instant(found.createdAt),
      artifact: found.artifactDigest ?? null,
      gate:
        found.gate === undefined
          ? 'none'
          : found.gate.passed
            ? `passed (${found.gate.checks.length} checks)`
            : 'failed',
      trainingSet: lineage.trainingSetDigest ?? null,
      featureService:
        lineage.featureService === undefined
          ? null
          : `${lineage.featureService.set}/${lineage.featureService.service} ${lineage.featureService.digest}`,
      code: lineage.codeDigest ?? null,
      commit: lineage.commit ?? null,
    },
    because: [
      ...optional('run', found.runId),
      ...optional('pipeline-run', lineage.pipelineRun),
      // A version that no pipeline of ours made may still name its data.
      ...(lineage.pipelineRun === undefined ? (lineage.datasetVersions ?? []) : []).map((d) => ({
        kind: 'dataset-version',
        id: `${d.dataset}@${d.number}`,
      })),
    ],
  };
}
