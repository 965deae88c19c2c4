/**
 * Ids in MLflow's spelling. Runs and logged models are 32 hex digits (`m-` before those of models), experiments a decimal
 * number: the same 128 bits each, so nothing has to be looked up and no second id exists.
 */
import { idFromHex, idToHex } from '@slipway/contract';

const hex32 = /^[0-9a-f]{32}$/i;

export const experimentIdToWire = (id: string): string => BigInt(`0x${idToHex('experiment', id)}`).toString();

/** Undefined when it cannot be one: the caller answers as for an unknown experiment. */
export function experimentIdFromWire(wire: string): string | undefined {
  if (!/^\d{1,39}$/.test(wire)) return undefined;
  const hex = BigInt(wire).toString(16).padStart(32, '0');
  return hex.length > 32 ? undefined : idFromHex('experiment', hex);
}

export const runIdToWire = (id: string): string => idToHex('run', id);
export const runIdFromWire = (wire: string): string | undefined =>
  hex32.test(wire) ? idFromHex('run', wire) : undefined;

export const modelIdToWire = (id: string): string => `m-${idToHex('loggedModel', id)}`;
export const modelIdFromWire = (wire: string): string | undefined =>
  /^m-[0-9a-f]{32}$/i.test(wire) ? idFromHex('loggedModel', wire.slice(2)) : undefined;

export const versionIdToWire = (id: string): string => idToHex('modelVersion', id);

/** Where files lie that this server keeps. */
export const runArtifactUri = (experimentId: string, runId: string, location: string | undefined): string =>
  `${location ?? `mlflow-artifacts:/${experimentIdToWire(experimentId)}`}/${runIdToWire(runId)}/artifacts`;
export const modelArtifactUri = (experimentId: string, modelId: string, location: string | undefined): string =>
  `${location ?? `mlflow-artifacts:/${experimentIdToWire(experimentId)}`}/models/${modelIdToWire(modelId)}/artifacts`;
export const versionArtifactUri = (versionId: string): string =>
  `mlflow-artifacts:/versions/${versionIdToWire(versionId)}/artifacts`;

/** Whose files a path of the artifact proxy names. */
export interface ArtifactAddress {
  readonly owner: { readonly kind: 'run' | 'loggedModel' | 'modelVersion'; readonly id: string };
  /** Relative to the owner's root; empty for the root itself. */
  readonly path: string;
}

const address =
  /^(?:.*?\/)??(?:models\/m-([0-9a-f]{32})|versions\/([0-9a-f]{32})|([0-9a-f]{32}))\/artifacts(?:\/(.*))?$/i;

/** The first run, model or version in the path counts. Undefined when there is none. */
export function parseArtifactAddress(path: string): ArtifactAddress | undefined {
  const found = address.exec(path.replace(/^\/+/, '').replace(/\/+$/, ''));
  if (!found) return undefined;
  const [, model, version, run, rest = ''] = found;
  if (model !== undefined) return { owner: { kind: 'loggedModel', id: idFromHex('loggedModel', model) }, path: rest };
  if (version !== undefined)
    return { owner: { kind: 'modelVersion', id: idFromHex('modelVersion', version) }, path: rest };
  return { owner: { kind: 'run', id: idFromHex('run', run ?? '') }, path: rest };
}
