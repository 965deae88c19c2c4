/**
 * Does an event fire a policy? Pure, so that the dry run over history and the real thing cannot differ.
 *
 * Time is event time: an event that carries `at` in its body happened then, whatever the wall clock said when it was
 * written, so that cooldown and daily limit mean the same in a replay as in life.
 */
import type { PolicyAction, PolicyCondition, PolicySpec } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';

export interface CauseEvent {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a policy did before, as far as its limits look back. */
export interface PastFiring {
  readonly at: number;
  readonly state: 'waiting' | 'acting' | 'done' | 'failed' | 'rejected' | 'lapsed' | 'skipped';
}

export interface FiringDecision {
  readonly state: 'acting' | 'waiting' | 'skipped';
  readonly reason: string;
}

export const dayMs = 86_400_000;
/** After so many failed firings in a row the policy stops itself until it is applied again. */
export const failuresMax = 3;

export function eventTime(event: CauseEvent): number {
  const { at } = event.body;
  return typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 ? at : event.at;
}

/** The value at a dotted path: into the body, or one of the event's own members. */
export function valueAt(event: CauseEvent, path: string): unknown {
  if (path === 'seq' || path === 'subject' || path === 'actor' || path === 'kind') return event[path];
  if (path === 'at') return eventTime(event);
  let value: unknown = event.body;
  for (const part of path.replace(/^body\./, '').split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part]; // an own member, checked above
  }
  return value;
}

export function matchesEvent(spec: PolicySpec, event: CauseEvent): boolean {
  if (event.kind !== spec.when || isOverlooked(spec, event)) return false;
  return Object.entries(spec.where).every(([path, condition]) => fits(valueAt(event, path), condition));
}

/** What happens in a simulation concerns only policies that ask for it by name. */
function isOverlooked({ where }: PolicySpec, event: CauseEvent): boolean {
  const isSimulated = event.body['simulationOf'] !== undefined;
  return isSimulated && !Object.keys(where).some((path) => path === 'simulationOf' || path === 'body.simulationOf');
}

function fits(value: unknown, condition: PolicyCondition): boolean {
  if (Array.isArray(value)) return value.some((member) => fits(member, condition));
  if (Array.isArray(condition)) return condition.some((one) => one === value);
  if (typeof condition === 'object' && condition !== null) {
    if (typeof value !== 'number') return false;
    return value >= (condition.min ?? -Infinity) && value <= (condition.max ?? Infinity);
  }
  return condition === null ? value === null || value === undefined : value === condition;
}

/** An event of a monitor or an alert that somebody silenced triggers nothing; the firing says by which silence. */
export function heldBySilence(event: CauseEvent): FiringDecision | undefined {
  const { silence } = event.body;
  if (typeof silence !== 'object' || silence === null) return undefined;
  const { until, reason } = silence as Readonly<Record<string, unknown>>; // an object, checked above
  const end = typeof until === 'number' ? ` until ${new Date(until).toISOString()}` : '';
  const why = typeof reason === 'string' ? `: ${reason}` : '';
  return { state: 'skipped', reason: `held back: silenced${end}${why}` };
}

/** What happens with an event that fits. `past` holds the policy's firings, in any order. */
export function decideFiring(spec: PolicySpec, at: number, past: readonly PastFiring[]): FiringDecision {
  const counted = past.filter((f) => f.state !== 'skipped' && f.state !== 'rejected' && f.state !== 'lapsed');
  const recent = counted.toSorted((a, b) => b.at - a.at);
  const failures = recent.slice(0, failuresMax);
  if (failures.length === failuresMax && failures.every((f) => f.state === 'failed')) {
    return {
      state: 'skipped',
      reason: `held back: the last ${failuresMax} actions failed; apply the policy again when the cause is mended`,
    };
  }
  const last = recent.find((f) => f.at <= at);
  if (last !== undefined && at - last.at < spec.cooldown) {
    return {
      state: 'skipped',
      reason: `held back: fired at ${new Date(last.at).toISOString()}, the cooldown of ${durationText(spec.cooldown)} is not over`,
    };
  }
  const today = counted.filter((f) => f.at > at - dayMs && f.at <= at).length;
  if (today >= spec.maxPerDay) {
    return { state: 'skipped', reason: `held back: fired ${today} times within a day, the limit is ${spec.maxPerDay}` };
  }
  return spec.approval
    ? { state: 'waiting', reason: 'the policy asks for approval' }
    : { state: 'acting', reason: 'the event fits the policy' };
}

function durationText(ms: number): string {
  return ms % dayMs === 0 ? `${ms / dayMs} d` : ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : `${ms / 1000} s`;
}

const referencePattern = /^\$event\.([A-Za-z0-9_.-]+)$/;

/**
 * The action with every `$event.<path>` replaced by that value of the event, keeping its type. Only a whole string is a
 * reference, never a part of one: nothing of an event can become part of a URL or a command.
 */
export function fillAction(policy: string, action: PolicyAction, event: CauseEvent): PolicyAction {
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const path = referencePattern.exec(value)?.[1];
      if (path === undefined) return value;
      const found = valueAt(event, path);
      if (found === undefined) {
        throw new SlipwayError('policy_value_missing', {
          policy,
          reference: value,
          seq: event.seq,
          kind: event.kind,
          available: Object.keys(event.body).join(', ') || 'nothing',
        });
      }
      return found;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fill(member)]));
    }
    return value;
  };
  // The same shape as before with scalars put in; what a scalar may be is checked by whoever acts on it.
  return fill(action) as PolicyAction;
}
