/** Registered versions as scorers, with the features that they were trained on. */
import type { EndpointSpec, ModelVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Arm } from './endpoint-runtime.ts';
import { createArm } from './endpoint-runtime.ts';
import type { FeaturePort, FeatureReader, RegistryPort } from './ports.ts';
import type { Scorer } from './scorer.ts';
import { createScorer } from './scorer.ts';

export interface ModelLoader {
  /** Throws `model_not_servable`, `feature_service_differs`, and what the registry says of a version that is not there. */
  readonly loadArm: (spec: EndpointSpec, version: number) => Promise<Arm>;
  /**
   * A scorer of bare columns; undefined when the version has no ONNX file. The last few are kept and shared: write a row and
   * read its score in one turn of the event loop.
   */
  loadScorer(model: string, version: number, featureNames: readonly string[]): Promise<Scorer | undefined>;
  /** The number of a version, given as number or alias. */
  readonly numberOf: (spec: EndpointSpec, candidate: number | string) => Promise<number>;
}

/** Scorers of bare columns that are kept: a few megabytes each. Reading a model's file again takes 15 ms and more. */
const keptMax = 8;

export function createModelLoader(deps: {
  readonly registry: RegistryPort;
  readonly features: FeaturePort;
}): ModelLoader {
  const { registry, features } = deps;
  const kept = new Map<string, Promise<Scorer | undefined>>();
  const load = async (
    found: ModelVersion,
    featureNames: readonly string[] | undefined,
  ): Promise<Scorer | undefined> => {
    if (found.onnx === undefined) return undefined;
    return createScorer({
      model: found.model,
      version: found.number,
      bytes: await registry.readFile(found.onnx.digest),
      signatureNames: signatureNames(found.signature),
      featureNames,
    });
  };
  return {
    loadArm: async (spec, version) => {
      const found = await registry.getVersion(spec.model, String(version));
      const reader = readerOf(features, spec, found);
      const scorer = await load(found, reader?.names);
      if (scorer === undefined) {
        throw new SlipwayError('model_not_servable', {
          model: spec.model,
          version,
          problem: 'it has no ONNX file (or more than one). Log it with an ONNX flavour, or convert it.',
        });
      }
      return createArm(version, scorer, reader);
    },
    loadScorer: async (model, version, featureNames) => {
      const found = await registry.getVersion(model, String(version));
      if (found.onnx === undefined) return undefined;
      // A name may be of another model by now; these bytes under these names always answer the same.
      const key = JSON.stringify([found.onnx.digest, model, version, signatureNames(found.signature), featureNames]);
      const scorer = kept.get(key) ?? load(found, featureNames);
      kept.delete(key);
      kept.set(key, scorer);
      const [oldest] = kept.keys();
      if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest);
      try {
        return await scorer;
      } catch (error) {
        kept.delete(key);
        throw error;
      }
    },
    numberOf: async (spec, candidate) =>
      typeof candidate === 'number' ? candidate : (await registry.getVersion(spec.model, candidate)).number,
  };
}

/** The service that the version was trained on, which must still be defined as it was then. */
function readerOf(features: FeaturePort, spec: EndpointSpec, version: ModelVersion): FeatureReader | undefined {
  const trained = version.lineage.featureService;
  // A simulation reads its own copy of the set, which has the same digest.
  const service = spec.simulationOf === undefined ? (trained ?? spec.features) : spec.features;
  if (spec.features === undefined || service === undefined) return undefined;
  const reader = features.reader(service.set, service.service);
  if (trained !== undefined && trained.digest !== reader.digest) {
    throw new SlipwayError('feature_service_differs', {
      version: version.number,
      model: spec.model,
      trained: trained.digest,
      service: `${service.set}/${service.service}`,
      current: reader.digest,
    });
  }
  return reader;
}

/** Column names of a registered signature, in order; undefined when it has none or some are unnamed. */
function signatureNames(signature: ModelVersion['signature']): readonly string[] | undefined {
  const names = signature?.inputs?.map((input) => input['name']);
  return names?.every((n) => typeof n === 'string') ? names : undefined;
}
