/** What a request asks for, in words: the same in the list, on its page, and in what is asked before a decision. */
import type { Approval } from '@slipway/contract';
import { duration } from '../../words.ts';
import { actionWords } from '../policies/policy-words.ts';

/** `point flight-delay@champion at v3`, without a subject. */
export function wishWords(approval: Approval): string {
  return approval.kind === 'alias'
    ? `point ${approval.model}@${approval.alias} at v${approval.version}`
    : actionWords(approval.action, true);
}

/** As the heading of its page. */
export function titleOf(approval: Approval): string {
  return approval.kind === 'alias'
    ? `${approval.alias} of ${approval.model} to v${approval.version}`
    : `${approval.policy}, firing ${approval.firing}`;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Who may decide, as the project declares it. */
export function whoMayWords({ role, by }: Pick<Approval, 'role' | 'by'>): string {
  const holders = role === 'owner' ? 'the role owner' : 'the role deployer or owner';
  return by === undefined ? `Whoever holds ${holders}` : `Only ${by.join(', ')}, holding ${holders}`;
}

/** Why this reader cannot approve; undefined where nothing speaks against it. The server has the last word. */
export function hindrance(approval: Approval, actor: string | undefined): string | undefined {
  if (actor === undefined) return undefined;
  const { by, askedBy } = approval;
  if (by !== undefined && !by.includes(actor.replace(/^token:/, '')))
    return `You are ${actor}, and only ${by.join(', ')} may decide.`;
  if (askedBy === actor && actor !== 'owner')
    return `You asked for this as ${actor}: somebody else has to approve it. You may withdraw it.`;
  return undefined;
}

const hourMs = 3_600_000;

export function lapseWords(lapsesAt: number, now: number): string {
  const hours = Math.floor((lapsesAt - now) / hourMs);
  if (lapsesAt <= now) return 'its time is over';
  if (hours < 48) return `in ${duration(lapsesAt - now)}`;
  return `in ${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}
