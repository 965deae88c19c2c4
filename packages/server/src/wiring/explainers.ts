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

const day = (at: number): string => new Date(at).toISOString();
const optional = (kind: string, id: string | undefined): Reference[] => (id === undefined ? [] : [{ kind, id }]);

export function createExplainers(_platform: Platform, modules: Modules): Readonly<Record<string, Explain>> {
  const { serving, registry, pipelines, tracking, data, projects, monitoring } = modules;
  return {
    prediction: async (id) => {
      const found = await orUndefined(serving.prediction(id));
      return found && explainPrediction(found, await serving.findDeploymentOf(found.endpoint, found.deployment));
    },
    deployment: async (id) => {
      const found = await serving.findDeployment(id);
      if (!found) return undefined;
      const traffic = found.traffic.map((t) => `version ${t.version} ${t.percent} %`).join(', ');
      return {
        title: `deployment ${found.number} of endpoint ${found.endpoint}`,
        facts: { traffic, reason: found.reason, by: found.createdBy, at: day(found.createdAt) },
        because: optional('rollout', found.rollout),
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
        },
        because: [],
      };
    },
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
        facts: { experiment: found.experiment, ...Object.fromEntries(metrics) },
        because: optional('pipeline-run', found.tags['slipway.pipelineRun']),
      };
    },
    'pipeline-run': async (id) => {
      const found = await orUndefined(pipelines.getRun(id));
      if (!found) return undefined;
      const commit = found.commit ?? null;
      return {
        title: `run of pipeline ${found.pipeline} (${found.state})`,
        facts: {
          startedBy: found.startedBy,
          reason: found.reason ?? null,
          commit,
          codeDigest: found.bundle,
          params: JSON.stringify(found.params),
        },
        because: found.datasets.map((d) => ({ kind: 'dataset-version', id: `${d.dataset}@${d.number}` })),
      };
    },
    'dataset-version': async (id) => {
      const found = await orUndefined(data.resolve(id));
      if (!found) return undefined;
      return {
        title: `dataset ${found.dataset}, version ${found.number}`,
        facts: { digest: found.digest, rows: found.rowCount, files: found.files.length },
        because: found.files.map((f) => ({ kind: 'file', id: `${f.name} ${f.digest}` })),
      };
    },
    file: async (id) => ({ title: id, facts: {}, because: [] }),
    project: async (id) => {
      const found = await orUndefined(projects.get(id));
      return (
        found && {
          title: `project ${found.name}, apply ${found.applyNumber}`,
          facts: {
            commit: found.source?.commit ?? null,
            dirty: found.source?.dirty ?? null,
            codeDigest: found.bundleDigest,
          },
          because: [],
        }
      );
    },
    alert: async (id) => (await orUndefined(monitoring.explainAlert(id))) ?? undefined,
  };
}

function explainPrediction(found: PredictionRecord, deployment: { id: string } | undefined): Explanation {
  const features = Object.entries(found.features)
    .filter(([, v]) => v !== null)
    .map(([k, v]) => `${k}=${Number(v).toPrecision(6)}`);
  return {
    title: `prediction ${found.id}: ${found.score.toFixed(4)}`,
    facts: {
      endpoint: found.endpoint,
      at: day(found.at),
      latencyUs: found.latencyUs,
      label: found.label?.value ?? 'not known yet',
      features: features.join(' '),
    },
    because: [...optional('deployment', deployment?.id), { kind: 'version', id: `${found.model}/${found.version}` }],
  };
}

function explainVersion(found: ModelVersion): Explanation {
  const { lineage } = found;
  return {
    title: `model ${found.model}, version ${found.number}`,
    facts: {
      aliases: found.aliases.join(', ') || null,
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
    because: [...optional('run', found.runId), ...optional('pipeline-run', lineage.pipelineRun)],
  };
}
