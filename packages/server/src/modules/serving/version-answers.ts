/** Versions that answer logged predictions again: those that are loaded, and a few that are loaded for it. */
import { SlipwayError } from '@slipway/contract';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { LoggedAnswers } from './logged-answers.ts';
import { createLoggedAnswers } from './logged-answers.ts';
import type { ModelLoader } from './model-loader.ts';
import type { Scorer } from './scorer.ts';

/** Versions kept that no endpoint has loaded: a few megabytes each. */
const keptMax = 8;

export interface VersionAnswers {
  /** Undefined where the version cannot be had any more. `features`: names of the logged features, the last resort for a wide tensor. */
  of(endpoint: EndpointRuntime, version: number, features: readonly string[]): Promise<LoggedAnswers | undefined>;
}

export function createVersionAnswers(loader: Pick<ModelLoader, 'loadScorer'>): VersionAnswers {
  const loaded = new WeakMap<Scorer, LoggedAnswers>();
  const kept = new Map<string, Promise<LoggedAnswers | undefined>>();
  const load = async (
    model: string,
    version: number,
    features: readonly string[],
  ): Promise<LoggedAnswers | undefined> => {
    try {
      const scorer = await loader.loadScorer(model, version, features);
      return scorer && createLoggedAnswers(scorer);
    } catch (error) {
      if (error instanceof SlipwayError && error.status < 500) return undefined;
      throw error;
    }
  };
  return {
    of: async (endpoint, version, features) => {
      const scorer = endpoint.arms.get(version)?.scorer;
      if (scorer !== undefined) {
        const known = loaded.get(scorer) ?? createLoggedAnswers(scorer);
        loaded.set(scorer, known);
        return known;
      }
      const key = `${endpoint.spec.model}/${version}`;
      const found = kept.get(key) ?? load(endpoint.spec.model, version, features);
      kept.delete(key);
      kept.set(key, found);
      const [oldest] = kept.keys();
      if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest);
      try {
        return await found;
      } catch (error) {
        kept.delete(key);
        throw error;
      }
    },
  };
}
