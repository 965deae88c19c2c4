/** A plan for people: one line a resource, its changed values below it, and what the server stands at. */
import type { ProjectPlan, ResourceDiff, SourceCommit } from '@slipway/contract';
import { count, paint, shortDigest } from './output.ts';

const marks = { create: ['green', '+'], update: ['yellow', '~'], delete: ['red', '-'], none: ['dim', ' '] } as const;

type Drawn = Pick<ProjectPlan, 'project' | 'diffs'> & Partial<ProjectPlan> & { readonly applyNumber?: number };

export function drawPlan(plan: Drawn, tense: 'would' | 'did'): string {
  const changed = plan.diffs.filter((d) => d.action !== 'none');
  const code = codeLine(plan);
  if (changed.length === 0 && code === '')
    return `Project ${plan.project}: nothing to do, the server agrees with the folder${standing(plan)}.`;
  const lines = changed.flatMap((diff) => {
    const [colour, mark] = marks[diff.action];
    return [`${paint(colour, mark)} ${diff.kind} ${paint('bold', diff.name)}`, ...changeLines(diff)];
  });
  const counts = (['create', 'update', 'delete'] as const).flatMap((action) => {
    const n = changed.filter((d) => d.action === action).length;
    return n === 0 ? [] : [`${n} to ${action}`];
  });
  const head =
    tense === 'would'
      ? `Project ${plan.project}: ${counts.join(', ') || 'only code to change'}${standing(plan)}`
      : `Project ${plan.project}: ${count(changed.length, 'resource')} changed${plan.applyNumber === undefined ? '' : `, apply ${plan.applyNumber}`}`;
  return [head, ...lines, ...(code === '' ? [] : [code])].join('\n');
}

function standing(plan: Drawn): string {
  if (plan.serverApply === undefined || plan.applyNumber !== undefined) return '';
  if (plan.serverApply === 0) return '; it was never applied (--expect 0)';
  return `; the server stands at apply ${plan.serverApply}${from(plan.serverSource)} (--expect ${plan.serverApply})`;
}

const from = (source: SourceCommit | undefined): string =>
  source === undefined ? '' : `, commit ${source.commit.slice(0, 12)}${source.dirty ? ' with changes' : ''}`;

function codeLine(plan: Drawn): string {
  if (plan.codeChanged !== true || plan.bundleDigest === undefined) return '';
  return `${paint('yellow', '~')} code ${shortDigest(plan.bundleDigest)}`;
}

const changesShown = 20;

function changeLines(diff: ResourceDiff): string[] {
  // A pipeline carries the digest of the whole folder: that line says nothing that the code line does not say.
  const changes = diff.changes.filter((c) => !(diff.kind === 'pipeline' && c.path === 'bundle'));
  const shown = changes.slice(0, changesShown);
  const width = Math.max(0, ...shown.map((c) => c.path.length));
  const lines = shown.map((c) => `    ${c.path.padEnd(width)}  ${values(c.before, c.after)}`);
  const more = changes.length - shown.length;
  return more > 0 ? [...lines, paint('dim', `    … and ${more} more changed values`)] : lines;
}

function values(before: unknown, after: unknown): string {
  if (before === undefined) return paint('green', `+ ${show(after)}`);
  if (after === undefined) return paint('red', `- ${show(before)}`);
  return `${paint('red', show(before))} -> ${paint('green', show(after))}`;
}

const shownChars = 80;

const show = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > shownChars ? `${text.slice(0, shownChars - 3)}…` : text;
};
