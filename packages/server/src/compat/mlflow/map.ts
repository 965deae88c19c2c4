/** Our nouns as MLflow's JSON objects. Pure. */
import type { DatasetInput, Experiment, ModelVersion, RegisteredModel, Run } from '@slipway/contract';
import { isId } from '@slipway/contract';
import type { LoggedModel } from '../../modules/tracking/index.ts';
import { experimentIdToWire, modelArtifactUri, modelIdToWire, runArtifactUri, runIdToWire } from './ids.ts';
import type { WireObject } from './wire.ts';
import { keyValues, listed } from './wire.ts';

export const runNameTag = 'mlflow.runName';

export const wireExperiment = (experiment: Experiment): WireObject => ({
  experiment_id: experimentIdToWire(experiment.id),
  name: experiment.name,
  artifact_location: experiment.artifactLocation ?? `mlflow-artifacts:/${experimentIdToWire(experiment.id)}`,
  lifecycle_stage: experiment.lifecycle,
  last_update_time: experiment.updatedAt,
  creation_time: experiment.createdAt,
  tags: keyValues(experiment.tags),
});

const wireDataset = (dataset: DatasetInput): WireObject => ({
  tags: keyValues(dataset.tags),
  dataset: {
    name: dataset.name,
    digest: dataset.digest,
    source_type: dataset.sourceType,
    source: dataset.source,
    schema: dataset.schema,
    profile: dataset.profile,
  },
});

export function wireRunInfo(run: Run): WireObject {
  const id = runIdToWire(run.id);
  return {
    run_id: id,
    run_uuid: id,
    run_name: run.name,
    experiment_id: experimentIdToWire(run.experimentId),
    user_id: run.user ?? 'unknown',
    status: run.status.toUpperCase(),
    start_time: run.startedAt,
    end_time: run.endedAt,
    artifact_uri: runArtifactUri(run.experimentId, run.id, run.artifactLocation),
    lifecycle_stage: run.lifecycle,
  };
}

export const wireRun = (run: Run): WireObject => ({
  info: wireRunInfo(run),
  data: {
    metrics: listed(run.metrics.map((m) => ({ key: m.key, value: m.value, timestamp: m.at, step: m.step }))),
    params: keyValues(run.params),
    tags: keyValues({ ...run.tags, [runNameTag]: run.name }),
  },
  inputs: {
    dataset_inputs: listed(run.datasets.map(wireDataset)),
    model_inputs: listed(run.modelInputs.map((id) => ({ model_id: modelIdToWire(id) }))),
  },
  outputs: {
    model_outputs: listed(run.modelOutputs.map((o) => ({ model_id: modelIdToWire(o.model), step: o.step }))),
  },
});

const loggedModelStatus = {
  pending: 'LOGGED_MODEL_PENDING',
  ready: 'LOGGED_MODEL_READY',
  failed: 'LOGGED_MODEL_UPLOAD_FAILED',
};

export const wireLoggedModel = (model: LoggedModel): WireObject => ({
  info: {
    model_id: modelIdToWire(model.id),
    experiment_id: experimentIdToWire(model.experimentId),
    name: model.name,
    creation_timestamp_ms: model.createdAt,
    last_updated_timestamp_ms: model.updatedAt,
    artifact_uri: modelArtifactUri(model.experimentId, model.id, model.artifactLocation),
    status: loggedModelStatus[model.status],
    model_type: model.modelType,
    source_run_id: model.runId === undefined ? undefined : runIdToWire(model.runId),
    tags: keyValues(model.tags),
  },
  data: {
    params: keyValues(model.params),
    metrics: listed(
      model.metrics.map((m) => ({
        key: m.key,
        value: m.value,
        timestamp: m.at,
        step: m.step,
        dataset_name: m.datasetName,
        dataset_digest: m.datasetDigest,
        model_id: modelIdToWire(model.id),
        run_id: runIdToWire(m.runId),
      })),
    ),
  },
});

const versionStatus = { pending: 'PENDING_REGISTRATION', ready: 'READY', failed: 'FAILED_REGISTRATION' };

export const wireVersion = (version: ModelVersion): WireObject => ({
  name: version.model,
  version: String(version.number),
  creation_timestamp: version.createdAt,
  last_updated_timestamp: version.updatedAt,
  user_id: version.createdBy,
  current_stage: version.stage,
  description: version.description ?? '',
  source: version.source ?? `models:/${version.model}/${version.number}`,
  run_id: version.runId !== undefined && isId('run', version.runId) ? runIdToWire(version.runId) : '',
  status: versionStatus[version.status],
  tags: keyValues(version.tags),
  aliases: listed(version.aliases),
  model_id: version.loggedModelId === undefined ? undefined : modelIdToWire(version.loggedModelId),
});

/** `latest` holds the newest version of each stage. */
export const wireModel = (model: RegisteredModel, latest: readonly ModelVersion[]): WireObject => ({
  name: model.name,
  creation_timestamp: model.createdAt,
  last_updated_timestamp: model.updatedAt,
  description: model.description ?? '',
  latest_versions: listed(latest.map(wireVersion)),
  tags: keyValues(model.tags),
  aliases: listed(Object.entries(model.aliases).map(([alias, number]) => ({ alias, version: String(number) }))),
});
