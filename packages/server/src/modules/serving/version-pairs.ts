/** Labelled predictions of classes or quantiles that two versions both scored, with what each of them said: for comparing them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JudgedAnswer, JudgedTask } from '../../lib/judged-task.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Labels } from './labels.ts';
import { headOf } from './log-record.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import { decodeLogged } from './prediction-log.ts';
import type { VersionAnswers } from './version-answers.ts';

/** Rows answered again between two turns of the event loop: about 2 ms. */
const rowsPerTurn = 100;

export interface PairRange {
  readonly champion: number;
  readonly challenger: number;
  readonly from: number;
  readonly to: number;
  /** Predictions of the range that are looked at, evenly. */
  readonly rowsMax: number;
}

export interface VersionPair {
  /** Event time. */
  readonly at: number;
  readonly label: number;
  readonly champion: JudgedAnswer;
  readonly challenger: JudgedAnswer;
}

/** Of the version that takes traffic: outcomes of an endpoint are of one kind. */
export function taskOf({ traffic, arms }: Pick<EndpointRuntime, 'traffic' | 'arms'>): JudgedTask {
  return arms.get(traffic[0]?.version ?? 0)?.scorer.task ?? { kind: 'binary' };
}

export async function readVersionPairs(
  { labels, answers }: { readonly labels: Labels; readonly answers: VersionAnswers },
  endpoint: EndpointRuntime,
  { champion, challenger, ...range }: PairRange,
): Promise<readonly VersionPair[]> {
  const wanted = new Set([champion, challenger]);
  const both = new Map<string, LoggedPrediction>();
  await endpoint.log.sampleEventTime(range, (place, features) => {
    const { version, shadowVersion, fault } = headOf(place.bytes, place.offset);
    if (fault !== 'none' || version === shadowVersion || !wanted.has(version) || !wanted.has(shadowVersion)) return;
    const record = decodeLogged(place, features);
    both.set(record.id, record);
  });
  const pairs: VersionPair[] = [];
  for (const [id, { value: label }] of await labels.of(endpoint, [...both.keys()])) {
    const record = both.get(id);
    if (record === undefined) continue;
    const answerOf = async (version: number): Promise<JudgedAnswer | undefined> => {
      const score = record.version === version ? record.score : record.shadowScore;
      return (await answers.of(endpoint, version, record.featureNames))?.judged(record, score);
    };
    const [theirs, ours] = [await answerOf(champion), await answerOf(challenger)];
    if (theirs === undefined || ours === undefined) continue;
    pairs.push({ at: record.at, label, champion: theirs, challenger: ours });
    if (pairs.length % rowsPerTurn === 0) await nextTurn();
  }
  return pairs.toSorted((a, b) => a.at - b.at);
}
