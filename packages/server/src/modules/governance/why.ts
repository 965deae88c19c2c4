/**
 * Why: from anything to the bytes and the code that made it. Each kind of thing is explained by the module that owns it
 * (title, facts, and the things it came from); this file only follows the references.
 *
 * The walk is depth-first with a bound on depth and on the number of nodes; a thing that was shown already is not expanded
 * again, so shared causes (two runs over one dataset version) stay readable and a cycle in bad data cannot hang it.
 */
import type { Reason } from '@slipway/contract';
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
    if (depth < maxDepth) {
      for (const cause of found.because) {
        if (seen.size >= maxNodes) break;
        because.push(await walk(cause, depth + 1));
      }
    }
    return { kind, id, title: found.title, facts: found.facts, because };
  };
  const known = await explainers[start.kind]?.(start.id);
  if (!known) {
    throw new SlipwayError('not_found', {
      noun: start.kind,
      name: start.id,
      remedy: `\`slipway why\` takes the id that the other commands print, for example \`slipway why prediction prd_…\`.`,
    });
  }
  return walk(start, 0);
}
