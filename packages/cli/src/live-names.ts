/** The names that exist on the server now: for completion, and for "did you mean". */
import { TokenRole, whyKinds } from '@slipway/contract';
import type { Client } from 'slipway';

const namesMax = 1000;
const page = { query: { limit: namesMax } };

type Source = (client: Client, given: Readonly<Record<string, string>>) => Promise<readonly string[]>;

const namesOf = async (list: Promise<{ readonly items: readonly { readonly name: string }[] }>): Promise<string[]> =>
  (await list).items.map((item) => item.name);
const idsOf = async (list: Promise<{ readonly items: readonly { readonly id: string }[] }>): Promise<string[]> =>
  (await list).items.map((item) => item.id);

/** By the nouns of arguments in help. `given` are the arguments before: a step belongs to a run. */
const sources: Readonly<Record<string, Source>> = {
  kind: () => Promise.resolve(whyKinds),
  role: () => Promise.resolve(TokenRole.options),
  shell: () => Promise.resolve(['bash', 'zsh', 'fish']),
  dataset: (client) => namesOf(client.datasets.list(page)),
  suite: (client) => namesOf(client.suites.list(page)),
  set: (client) => namesOf(client.featureSets.list(page)),
  service: async (client, { set }) => {
    const { items } = await client.featureSets.list(page);
    return items.find((item) => item.name === set)?.services ?? [];
  },
  pipeline: (client) => namesOf(client.pipelines.list(page)),
  model: (client) => namesOf(client.models.list(page)),
  endpoint: (client) => namesOf(client.endpoints.list(page)),
  monitor: (client) => namesOf(client.monitors.list(page)),
  policy: (client) => namesOf(client.policies.list(page)),
  project: (client) => namesOf(client.projects.list()),
  token: (client) => namesOf(client.tokens.list()),
  experiment: (client) => namesOf(client.experiments.list(page)),
  'pipeline-run': (client) => idsOf(client.pipelineRuns.list({ query: { limit: 30 } })),
  run: (client) => idsOf(client.runs.list({ query: { limit: 30 } })),
  validation: (client) => idsOf(client.validations.list({ query: { limit: 30 } })),
  approval: (client) => idsOf(client.approvals.list({ query: { state: 'waiting', limit: 30 } })),
  alert: (client) => idsOf(client.alerts.list({ query: { limit: 30 } })),
  rollout: async (client) => {
    const { items } = await client.endpoints.list(page);
    const lists = items.map((e) => client.rollouts.list({ params: { endpoint: e.name }, query: { limit: 10 } }));
    return (await Promise.all(lists)).flatMap((list) => list.items.map((r) => r.id));
  },
  deployment: async (client) => {
    const { items } = await client.endpoints.list(page);
    return items.flatMap((e) => (e.deployment === undefined ? [] : [e.deployment.id]));
  },
  'dataset-version': async (client) => {
    const { items } = await client.datasets.list(page);
    return items.flatMap((d) => (d.latest === undefined ? [] : [`${d.name}@${d.latest.number}`]));
  },
  version: async (client, given) => {
    if (given['dataset'] !== undefined) {
      const params = { dataset: given['dataset'] };
      const { items } = await client.datasets.versions({ params, query: { limit: 30 } });
      return ['latest', ...items.map((v) => String(v.number))];
    }
    const model = given['model'] ?? (await modelOf(client, given['endpoint']));
    return model === undefined ? modelVersions(client) : versionsOf(client, model);
  },
  alias: async (client, { model }) =>
    model === undefined ? [] : Object.keys((await client.models.get({ params: { model } })).aliases),
  step: async (client, { 'pipeline-run': run }) =>
    run === undefined ? [] : (await client.pipelineRuns.get({ params: { run } })).steps.map((s) => s.step),
  firing: async (client, { policy }) => {
    if (policy === undefined) return [];
    const { items } = await client.policies.firings({ params: { policy }, query: { limit: 30 } });
    return items.map((f) => String(f.id));
  },
};

async function modelOf(client: Client, endpoint: string | undefined): Promise<string | undefined> {
  return endpoint === undefined ? undefined : (await client.endpoints.get({ params: { endpoint } })).spec.model;
}

async function versionsOf(client: Client, model: string): Promise<string[]> {
  const { items } = await client.models.versions({ params: { model }, query: { limit: 30 } });
  return [...new Set(items.flatMap((v) => [...v.aliases, String(v.number)]))];
}

/** `model/number`, as `why version` takes it. */
async function modelVersions(client: Client): Promise<string[]> {
  const { items } = await client.models.list(page);
  return items.map((m) => `${m.name}/${m.latestNumber}`);
}

/** Nouns of the server's messages that differ from those of help. */
const nouns: Readonly<Record<string, string>> = {
  'expectation suite': 'suite',
  'feature set': 'set',
  'pipeline run': 'pipeline-run',
};

/** The names of a noun; none for a noun without a list. */
export function liveNames(
  client: Client,
  noun: string,
  given: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const source = sources[nouns[noun] ?? noun];
  return source === undefined ? Promise.resolve([]) : source(client, given);
}

/** An existing name that is nearly this one. Never throws: it only makes an error message better. */
export async function nearestName(client: Client, noun: string, name: string): Promise<string | undefined> {
  try {
    return nearest(name, await liveNames(client, noun));
  } catch {
    return undefined;
  }
}

/** The closest of the words, when it is close enough to be a slip: a third of its letters, at most three. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  const ranked = words
    .filter((candidate) => candidate !== word && Math.abs(candidate.length - word.length) <= limit)
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= limit ? best.candidate : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), over words of a screen's width. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
