/**
 * Why: from anything to the bytes and the code that made it. Each kind of thing is explained by the module that owns it
 * (title, facts, and the things it came from); this file only follows the references.
 *
 * The walk is depth-first with a bound on depth and on the number of nodes; a thing that was shown already is not expanded
 * again, so shared causes (two runs over one dataset version) stay readable and a cycle in bad data cannot hang it.
 */
import type { Consequence, Reason } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';

export interface Explanation {
  readonly title: string;
  readonly facts: Reason['facts'];
  readonly because: readonly Reference[];
}

export interface Reference {
  readonly kind: string;
  readonly id: string;
}

/** Answers undefined for an id it does not know. */
export type Explain = (id: string) => Promise<Explanation | undefined>;

const maxDepth = 12;
const maxNodes = 500;

/** Where the ids of each kind are found. */
const remedies: Readonly<Record<string, string>> = {
  prediction: '`slipway predict` and `slipway endpoint predictions` print their ids.',
  version: 'Write model/number, model@alias or the id of a version; `slipway model versions` lists them.',
  run: '`slipway run list` lists the runs.',
  'dataset-version': 'Write dataset@number; `slipway data versions` lists them.',
  deployment: '`slipway endpoint deployments` lists them with their ids.',
  'pipeline-run': '`slipway pipeline runs` lists them.',
  rollout: '`slipway endpoint rollouts` lists them.',
  alert: '`slipway monitor alerts` lists them.',
  file: '`slipway data show NAME` prints the digests of its files.',
};

/** Where the bounds end the walk, it says so. */
const notShown = (count: number): Reason => ({
  kind: 'more',
  id: '',
  title: `… and ${count} more, not shown here: ask for one of them`,
  facts: {},
  because: [],
});

export async function explainWhy(explainers: Readonly<Record<string, Explain>>, start: Reference): Promise<Reason> {
  const seen = new Set<string>();
  const walk = async (reference: Reference, depth: number): Promise<Reason> => {
    const { kind, id } = reference;
    const key = `${kind}/${id}`;
    if (seen.has(key)) return { kind, id, title: `${kind} ${id} (shown above)`, facts: {}, because: [] };
    seen.add(key);
    const found = await explainers[kind]?.(id);
    if (!found) return { kind, id, title: `${kind} ${id}`, facts: {}, because: [] };
    const because: Reason[] = [];
    for (const [i, cause] of found.because.entries()) {
      if (depth >= maxDepth || seen.size >= maxNodes) {
        because.push(notShown(found.because.length - i));
        break;
      }
      because.push(await walk(cause, depth + 1));
    }
    return { kind, id, title: found.title, facts: found.facts, because };
  };
  const known = await explainers[start.kind]?.(start.id);
  if (!known) {
    throw new SlipwayError('not_found', {
      noun: start.kind,
      name: start.id,
      remedy: remedies[start.kind] ?? 'Take the id that the other commands print.',
    });
  }
  return walk(start, 0);
}

/** The same walk the other way: each explainer names what came of a thing in `because`. */
export async function explainOnward(
  followers: Readonly<Record<string, Explain>>,
  start: Reference,
): Promise<Consequence> {
  return consequenceOf(await explainWhy(followers, start));
}

const consequenceOf = ({ because, ...thing }: Reason): Consequence => ({ ...thing, ledTo: because.map(consequenceOf) });
