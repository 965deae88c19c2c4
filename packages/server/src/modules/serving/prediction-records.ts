/** Logged predictions as people see them: with their labels in words, and what each version said beyond its score. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PredictionRecord } from '@slipway/contract';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Label } from './label-store.ts';
import { labelRead } from './label-values.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import { inputsOf } from './prediction-pages.ts';
import type { VersionAnswers } from './version-answers.ts';

/** Records between two turns of the event loop: about 2 ms where they are answered again. */
const recordsPerTurn = 50;

interface Found {
  readonly record: LoggedPrediction;
  readonly label: Label | undefined;
}

export interface PredictionRecords {
  of(endpoint: EndpointRuntime, found: readonly Found[]): Promise<PredictionRecord[]>;
}

type Said = Pick<PredictionRecord, 'class' | 'probabilities' | 'quantiles'>;

export function createPredictionRecords(answers: VersionAnswers): PredictionRecords {
  const said = async (
    endpoint: EndpointRuntime,
    record: LoggedPrediction,
    { version, score }: { readonly version: number; readonly score: number },
  ): Promise<Said> => {
    const { label, ...detail } =
      (await answers.of(endpoint, version, record.featureNames))?.detail(record, score) ?? {};
    return { ...(label === undefined ? {} : { class: label }), ...detail };
  };
  return {
    of: async (endpoint, found) => {
      // Of models that say a score and no more nothing is looked for.
      const isPlain = [...endpoint.arms.values()].every(({ scorer }) => scorer.detailValues === undefined);
      const records: PredictionRecord[] = [];
      for (const { record, label } of found) {
        const { version, score, shadowVersion, shadowScore } = record;
        const own = isPlain ? {} : await said(endpoint, record, { version, score });
        const hasShadow = shadowVersion !== 0 && record.fault === 'none';
        const shadow = hasShadow
          ? {
              version: shadowVersion,
              score: shadowScore,
              ...(isPlain ? {} : await said(endpoint, record, { version: shadowVersion, score: shadowScore })),
            }
          : undefined;
        records.push({ ...recordOf(endpoint, record, label), ...own, ...(shadow === undefined ? {} : { shadow }) });
        if (records.length % recordsPerTurn === 0) await nextTurn();
      }
      return records;
    },
  };
}

function recordOf(
  endpoint: EndpointRuntime,
  record: LoggedPrediction,
  label: Label | undefined,
): Omit<PredictionRecord, 'shadow'> {
  return {
    id: record.id,
    endpoint: endpoint.name,
    at: record.at,
    servedAt: record.servedAt,
    deployment: record.deployment,
    model: endpoint.spec.model,
    version: record.version,
    score: record.score,
    isCanary: record.isCanary,
    ...(record.fault === 'none' ? {} : { fault: record.fault === 'canary' ? ('candidate' as const) : record.fault }),
    latencyUs: record.latencyUs,
    ...(record.instanceId === undefined ? {} : { instanceId: record.instanceId }),
    inputs: inputsOf(record),
    features: Object.fromEntries(
      record.featureNames.map((n, i) => [n, Number.isNaN(record.features[i]) ? null : (record.features[i] ?? null)]),
    ),
    ...(label === undefined ? {} : { label: labelRead(endpoint, record.version, label) }),
  };
}
