/**
 * The predictions of a generated workspace, as a function of their number: the log's writer and the labels, which are written
 * elsewhere, name the same predictions.
 */
import { spellId } from '@slipway/contract';
import { createSystemClock } from '../../packages/server/src/platform/clock.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import type { NewRecord } from '../../packages/server/src/modules/serving/log-record.ts';
import type { PredictionLog } from '../../packages/server/src/modules/serving/prediction-log.ts';
import { openPredictionLog } from '../../packages/server/src/modules/serving/prediction-log.ts';
import { join } from 'node:path';
import type { WorkspaceSize } from './size.ts';
import { instantOf, storyBeginsAt } from './size.ts';

export const servedEndpoints = ['delay', 'churn', 'fraud'] as const;
export const featureNames = ['x0', 'x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'x7'] as const;
export const coefficients = [0.8, -0.6, 0.4, 0.3, -0.3, 0.2, -0.1, 0.1] as const;

/** Requests of one turn of the event loop. */
const recordsPerAppend = 4;

const shadowShare = 0.1;

/** 70, 20 and 10 % of the traffic. */
export function endpointOf(index: number): (typeof servedEndpoints)[number] {
  const place = index % 10;
  return place < 7 ? 'delay' : place < 9 ? 'churn' : 'fraud';
}

/** 32 bits that look random and are always the same. */
function scramble(index: number, salt: number): number {
  let z = (Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

const uniform = (index: number, salt: number): number => scramble(index, salt) / 2 ** 32;

export interface PredictionMaker {
  readonly at: (index: number) => number;
  readonly id: (index: number) => string;
  readonly features: (index: number, to: Float64Array) => void;
  readonly score: (features: Float64Array) => number;
}

export function predictionMaker(size: WorkspaceSize): PredictionMaker {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const at = (index: number): number => instantOf(index, size.predictions);
  return {
    at,
    id: (index) => {
      const ms = at(index);
      view.setUint32(0, Math.floor(ms / 0x10000));
      view.setUint16(4, ms % 0x10000);
      view.setUint16(6, 0x7000);
      view.setUint32(8, 0x80000000 | (scramble(index, size.seed) & 0x3fffffff));
      view.setUint32(12, index);
      return spellId('prediction', bytes);
    },
    features: (index, to) => {
      // A slow drift of the first, so that monitors have something to see.
      for (let f = 0; f < to.length; f++) to[f] = uniform(index, size.seed + 7 * f + 1) * 2 - 1;
      to[0] = (to[0] ?? 0) + (at(index) - storyBeginsAt) / 1e11;
    },
    score: (features) => {
      let margin = -1;
      for (let f = 0; f < coefficients.length; f++) margin += (coefficients[f] ?? 0) * (features[f] ?? 0);
      return 1 / (1 + Math.exp(-margin));
    },
  };
}

/** Writes the logs of all endpoints below a folder, as the server does. */
export function writePredictions(folder: string, size: WorkspaceSize, say: (written: number) => void): void {
  const clock = createSystemClock();
  const log = createLog({ level: 'error', now: clock.now });
  const maker = predictionMaker(size);
  const logs = new Map<string, { readonly log: PredictionLog; waiting: NewRecord[] }>();
  for (const endpoint of servedEndpoints) {
    const opened = openPredictionLog({ folder: join(folder, endpoint), endpoint, clock, log });
    opened.useFeatures(featureNames);
    logs.set(endpoint, { log: opened, waiting: [] });
  }
  for (let index = 0; index < size.predictions; index++) {
    const endpoint = endpointOf(index);
    const target = logs.get(endpoint);
    if (target === undefined) continue;
    const features = new Float64Array(featureNames.length);
    maker.features(index, features);
    const at = maker.at(index);
    const score = maker.score(features);
    // Towards the end of the story, a second version is scored beside the first.
    const hasShadow = endpoint === servedEndpoints[0] && index > size.predictions * (1 - shadowShare);
    target.waiting.push({
      id: maker.id(index),
      servedAt: at + 1,
      at,
      deployment: 1,
      version: 1,
      shadowVersion: hasShadow ? 2 : 0,
      isCanary: false,
      fault: 'none',
      latencyUs: 150 + (scramble(index, 99) % 300),
      score,
      shadowScore: hasShadow ? score * 0.9 + 0.03 : Number.NaN,
      features,
      inputs: undefined,
      instanceId: undefined,
    });
    if (target.waiting.length === recordsPerAppend) {
      target.log.append(target.waiting);
      target.waiting = [];
    }
    if (index % 500_000 === 499_999) say(index + 1);
  }
  for (const { log: opened, waiting } of logs.values()) {
    if (waiting.length > 0) opened.append(waiting);
    opened.close();
  }
}
