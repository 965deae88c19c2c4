/** Trials: one instance scored by every loaded version, without a trace. Nothing is logged, counted or judged. */
import type { Instance, SeenInput, Trial } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Arm, EndpointRuntime } from './endpoint-runtime.ts';
import { scoreArm } from './endpoint-runtime.ts';
import { inputsOf } from './prediction-pages.ts';
import { searchLog } from './prediction-search.ts';

export interface TrialInputs {
  readonly inputs: Instance['inputs'];
  readonly at?: number | undefined;
}

export function tryInputs(endpoint: EndpointRuntime, { inputs, at: wantedAt }: TrialInputs, clock: Clock): Trial {
  if (endpoint.deployment === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: endpoint.name });
  const stateAt = stateOf(endpoint);
  const at = wantedAt ?? stateAt ?? clock.now();
  if (stateAt !== undefined && at > stateAt) {
    throw new SlipwayError('trial_too_late', {
      set: endpoint.spec.features?.set ?? '',
      at: new Date(at).toISOString(),
      stateAt: new Date(stateAt).toISOString(),
    });
  }
  const startedAt = clock.monotonic();
  const answers = [...endpoint.arms.values()]
    .toSorted((a, b) => a.version - b.version)
    .map((arm): Trial['answers'][number] => ({
      version: arm.version,
      ...standingOf(endpoint, arm.version),
      ...answerOf(endpoint, arm, { inputs, at }),
    }));
  return { endpoint: endpoint.name, at, answers, tookUs: Math.round((clock.monotonic() - startedAt) * 1000) };
}

/** The newest instant at which every version's features can be read without moving their state; undefined without features. */
function stateOf(endpoint: EndpointRuntime): number | undefined {
  const states = [...endpoint.arms.values()].flatMap((arm) =>
    arm.features === undefined ? [] : [arm.features.stateAt()],
  );
  return states.length === 0 ? undefined : Math.min(...states);
}

function standingOf(endpoint: EndpointRuntime, version: number): Pick<Trial['answers'][number], 'role' | 'percent'> {
  const percent = endpoint.traffic.find((share) => share.version === version)?.percent ?? 0;
  const rollout = endpoint.rollout?.rollout();
  if (rollout?.candidate === version) return { role: 'candidate', percent };
  if (rollout?.incumbent === version) return { role: 'incumbent', percent };
  if (endpoint.traffic[0]?.version === version) return { role: 'incumbent', percent };
  return { role: percent > 0 ? 'traffic' : 'shadow', percent };
}

function answerOf(
  endpoint: EndpointRuntime,
  arm: Arm,
  instance: { readonly inputs: Instance['inputs']; readonly at: number },
): Omit<Trial['answers'][number], 'version' | 'role' | 'percent'> {
  try {
    const score = scoreArm(endpoint, arm, { row: instance, index: 0, at: instance.at });
    const features = Object.fromEntries(
      arm.names.map((name, i) => [name, Number.isFinite(arm.vector[i]) ? (arm.vector[i] ?? null) : null]),
    );
    return Number.isFinite(score)
      ? { score, ...arm.scorer.detail(), features }
      : { problem: `It scored ${score}.`, features };
  } catch (error) {
    // Only what the caller can mend is an answer.
    if (error instanceof SlipwayError && error.status < 500) return { problem: error.message, features: {} };
    throw error;
  }
}

export interface SeenInputs {
  readonly rows: number;
  /** Those that the caller had named. */
  readonly withId: number;
  readonly inputs: SeenInput[];
}

/** Newest predictions that ranges are made from. */
const seenRows = 1000;
const valuesMax = 20;
/** Different texts that are counted for one input. */
const distinctMax = 1000;

interface Seen {
  count: number;
  missing: number;
  min: number;
  max: number;
  readonly values: Map<string | boolean, number>;
  isCut: boolean;
}

export async function readSeenInputs(endpoint: EndpointRuntime): Promise<SeenInputs> {
  const newest = { clock: 'received', order: 'newest', from: 0, to: Infinity, filter: {}, after: undefined } as const;
  const { found } = await searchLog(endpoint.log, { ...newest, limit: seenRows, scanMax: Infinity });
  const seen = new Map<string, Seen>();
  for (const { record } of found) {
    for (const [name, value] of Object.entries(inputsOf(record))) {
      let one = seen.get(name);
      if (one === undefined) {
        one = { count: 0, missing: 0, min: Infinity, max: -Infinity, values: new Map(), isCut: false };
        seen.set(name, one);
      }
      addSeen(one, value);
    }
  }
  const withId = found.filter(({ record }) => record.instanceId !== undefined).length;
  return { rows: found.length, withId, inputs: [...seen].map(([name, one]) => seenOf(name, one, found.length)) };
}

function addSeen(seen: Seen, value: Instance['inputs'][string]): void {
  if (value === null) return;
  seen.count++;
  if (typeof value === 'number') {
    seen.min = Math.min(seen.min, value);
    seen.max = Math.max(seen.max, value);
    return;
  }
  const known = seen.values.get(value);
  if (known === undefined && seen.values.size >= distinctMax) seen.isCut = true;
  else seen.values.set(value, (known ?? 0) + 1);
}

function seenOf(name: string, { count, min, max, values, isCut }: Seen, rows: number): SeenInput {
  const most = [...values].toSorted((a, b) => b[1] - a[1]).slice(0, valuesMax);
  return {
    name,
    count,
    missing: rows - count,
    ...(min <= max ? { min, max } : {}),
    values: most.map(([value, n]) => ({ value, count: n })),
    isWhole: !isCut && values.size <= valuesMax,
  };
}
