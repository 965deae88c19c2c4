/** What a policy does, in words made from its declaration. */
import type { PolicyAction, PolicyCondition, PolicySpec } from '@slipway/contract';
import { duration } from '../../words.ts';

const events: Readonly<Record<PolicySpec['when'], string>> = {
  'alert.fired': 'an alert fires',
  'alert.resolved': 'an alert is resolved',
  'monitor.window-judged': 'a monitor judges a window',
  'labels.joined': 'outcomes arrive',
  'dataset.version-created': 'a dataset gets a new version',
  'validation.failed': 'data fails its validation',
  'validation.passed': 'data passes its validation',
  'model.version-created': 'a model version is registered',
  'gate.evaluated': 'a gate is judged',
  'alias.moved': 'an alias is moved',
  'pipeline-run.finished': 'a pipeline run ends',
  'deployment.created': 'traffic is changed',
  'rollout.advanced': 'a rollout goes on to its next stage',
  'rollout.held': 'a rollout waits for the approval of its promotion',
  'rollout.put-on-hold': 'a rollout is put on hold',
  'rollout.resumed': 'a rollout on hold goes on',
  'rollout.promoted': 'a rollout promotes its candidate',
  'rollout.rejected': 'a rollout rejects its candidate',
  'rollout.rolled-back': 'a rollout is rolled back',
  'project.applied': 'a project is applied',
  'approval.requested': 'an approval is asked for',
  'approval.given': 'an approval is given',
  'approval.refused': 'an approval is refused',
  'approval.lapsed': 'nobody decides about an approval in time',
  'approval.withdrawn': 'a request for approval is withdrawn',
};

export const eventPhrase = (when: PolicySpec['when']): string => events[when];

/** `windowEnd` as `window end`. */
const spaced = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** `$event.body.windowEnd` is what the event says: its own name reads better than the path. */
function valueWords(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const path = /^\$event\.(?:body\.)?(.+)$/.exec(value)?.[1];
  return path === undefined ? value : `the ${spaced(path)} of the event`;
}

/** The same after the event's values were filled in: instants are read as such. */
function filledWords(value: unknown): string {
  const isInstant = typeof value === 'number' && value > 1e12 && value < 1e13;
  return isInstant ? new Date(value).toISOString().replace('.000Z', 'Z') : valueWords(value);
}

export function conditionWords(path: string, condition: PolicyCondition): string {
  const name = path.replace(/^body\./, '');
  if (Array.isArray(condition)) return `${name} is one of ${condition.map(String).join(', ')}`;
  if (typeof condition !== 'object' || condition === null) return `${name} is ${String(condition)}`;
  const bounds = [
    ...(condition.min === undefined ? [] : [`at least ${condition.min}`]),
    ...(condition.max === undefined ? [] : [`at most ${condition.max}`]),
  ];
  return `${name} is ${bounds.join(' and ')}`;
}

const withParams = (params: Readonly<Record<string, unknown>>, write: (value: unknown) => string): string => {
  const said = Object.entries(params).map(([key, value]) => `${key} ${write(value)}`);
  return said.length === 0 ? '' : ` with ${said.join(', ')}`;
};

/** Without a subject: `run the pipeline train with holdoutDays 14`. */
export function actionWords(action: PolicyAction, isFilled = false): string {
  const write = isFilled ? filledWords : valueWords;
  if ('run' in action) return `run the pipeline ${action.run.pipeline}${withParams(action.run.params, write)}`;
  if ('rollout' in action) {
    const candidate = action.rollout.candidate;
    const version = typeof candidate === 'number' ? `v${candidate}` : write(candidate);
    return `roll ${version} out on ${action.rollout.endpoint}`;
  }
  if ('alias' in action) {
    return `point ${action.alias.model}@${action.alias.alias} at ${write(action.alias.version)}`;
  }
  return `tell ${action.webhook.url}`;
}

export function limitWords({ cooldown, maxPerDay, approval }: PolicySpec): string {
  const pause = cooldown === 0 ? '' : `at most once in ${duration(cooldown)} of event time, and `;
  const who = approval ? 'It waits for somebody to approve' : 'It acts by itself';
  return `${who}; ${pause}at most ${maxPerDay} times a day.`;
}

/** `When an alert fires and monitor is x, run the pipeline train.` */
export function specWords(spec: PolicySpec): string {
  const where = Object.entries(spec.where).map(([path, condition]) => conditionWords(path, condition));
  const when = `When ${eventPhrase(spec.when)}${where.length === 0 ? '' : ` and ${where.join(' and ')}`}`;
  return `${when}, ${actionWords(spec.do)}.`;
}
