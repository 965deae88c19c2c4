/**
 * The finder behind the palette. Names: the first page of every noun is searched for the text anywhere in the name, and a
 * seek into the index by name finds what starts with it beyond that page; so a search costs a fixed number of small reads.
 * Ids and digests, typed whole, are looked up.
 */
import type { Found } from '@slipway/contract';
import { idFromHex, SlipwayError } from '@slipway/contract';
import { encodePageToken, fingerprintOf } from '../lib/page-token.ts';
import type { Page, PageRequest } from '../lib/page.ts';
import type { Ledger } from '../platform/ledger/ledger.ts';
import type { Objects } from '../platform/objects/objects.ts';
import { existing } from './existing.ts';
import type { Modules } from './modules.ts';

/** Names of each noun in which the text may stand anywhere. */
const firstNames = 100;
/** Names of each noun that are read from where the text would stand. */
const seekNames = 5;
const eventsShown = 3;
const runsShown = 5;
const versionsShown = 5;
const runNameMinChars = 3;

type Kind = Found['kind'];

interface Noun {
  readonly kind: Kind;
  readonly detail: string;
  /** Names in order, after a name. */
  readonly names: (limit: number, after: string | undefined) => Promise<readonly string[]>;
  /** Where names are not the order of the pages: the one that is just this text. */
  readonly exact?: (name: string) => Promise<string | undefined>;
}

export interface PaletteDeps {
  readonly ledger: Ledger;
  readonly objects: Pick<Objects, 'find'>;
  readonly modules: Modules;
}

export function createPalette(deps: PaletteDeps): (text: string, limit: number) => Promise<readonly Found[]> {
  const nouns = nounsOf(deps.modules);
  return async (text, limit) => {
    const byId = await findById(deps, text);
    if (byId !== undefined) return byId;
    const wanted = text.toLowerCase();
    const found = await Promise.all([
      versionsNamed(deps.modules, text),
      ...nouns.map((noun) => findByName(noun, text)),
      experimentsOf(deps.modules, text),
      runsOf(deps.modules, text),
      eventsOf(deps.ledger, text),
    ]);
    return found
      .flat()
      .toSorted((a, b) => rank(a.name, wanted) - rank(b.name, wanted))
      .slice(0, limit);
  };
}

/** Whole names first, then beginnings, then parts. */
function rank(name: string, wanted: string): number {
  const at = name.toLowerCase().indexOf(wanted);
  if (at < 0) return 3;
  return name.length === wanted.length ? 0 : at === 0 ? 1 : 2;
}

const named =
  (list: (page: PageRequest) => Promise<Page<{ readonly name: string }>>): Noun['names'] =>
  async (limit, after) =>
    (await list({ limit, pageToken: after })).items.map((item) => item.name);

function nounsOf({ data, features, pipelines, registry, serving, monitoring, automation }: Modules): readonly Noun[] {
  const datasetToken = (after: string | undefined): string | undefined =>
    after === undefined ? undefined : encodePageToken(fingerprintOf('datasets.list'), [after]);
  return [
    {
      kind: 'dataset',
      detail: 'dataset',
      names: async (limit, after) =>
        (await data.list({ limit, pageToken: datasetToken(after) })).items.map((d) => d.name),
    },
    { kind: 'feature-set', detail: 'feature set', names: named((page) => features.list(page)) },
    { kind: 'pipeline', detail: 'pipeline', names: named((page) => pipelines.list(page)) },
    {
      kind: 'model',
      detail: 'model',
      names: async (limit, after) =>
        after === undefined
          ? (await registry.searchModels({ limit, orderBy: 'name', ascending: true })).items.map((m) => m.name)
          : [],
      exact: async (name) => (await existing(registry.getModel(name)))?.name,
    },
    { kind: 'endpoint', detail: 'endpoint', names: named((page) => serving.list(page)) },
    { kind: 'monitor', detail: 'monitor', names: named((page) => monitoring.list(page)) },
    { kind: 'policy', detail: 'policy', names: named((page) => automation.list(page)) },
  ];
}

/** The last text that stands before everything that begins with this one. */
function justBefore(text: string): string {
  const last = text.at(-1) ?? '';
  return `${text.slice(0, -last.length)}${String.fromCodePoint(Math.max(1, (last.codePointAt(0) ?? 1) - 1))}\u{10ffff}`;
}

async function findByName(noun: Noun, text: string): Promise<Found[]> {
  const wanted = text.toLowerCase();
  const first = await noun.names(firstNames, undefined);
  const rest = first.length < firstNames ? [] : await noun.names(seekNames, justBefore(text));
  const exact = first.length < firstNames ? undefined : await noun.exact?.(text);
  const names = new Set([
    ...(exact === undefined ? [] : [exact]),
    ...first.filter((name) => name.toLowerCase().includes(wanted)),
    ...rest.filter((name) => name.startsWith(text)),
  ]);
  return [...names].map((name) => ({ kind: noun.kind, id: name, name, detail: noun.detail }));
}

/** `flights@7`, `flight-delay/2`, `flight-delay@champion`: a version by its name. */
async function versionsNamed({ data, registry }: Modules, text: string): Promise<Found[]> {
  const [, name, mark, word] = /^(.+)([@/])([\w-]+)$/.exec(text) ?? [];
  if (name === undefined || mark === undefined || word === undefined) return [];
  const isNumber = /^[1-9]\d{0,8}$/.test(word);
  const [dataset, model] = await Promise.all([
    isNumber || word === 'latest' ? ifNamed(data.version(name, word)) : undefined,
    ifNamed(registry.resolve(isNumber ? `${name}/${word}` : text)),
  ]);
  return [
    ...(dataset === undefined ? [] : [datasetVersion(dataset, 'dataset version')]),
    ...(model === undefined
      ? []
      : [
          {
            kind: 'version' as const,
            id: `${model.model}/${model.number}`,
            name: mark === '@' && !isNumber ? text : `${model.model}/${model.number}`,
            detail: `model version ${model.number}`,
          },
        ]),
  ];
}

/** What was typed may be no name at all. */
async function ifNamed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await existing(answer);
  } catch (error) {
    if (error instanceof SlipwayError && error.status < 500) return undefined;
    throw error;
  }
}

const datasetVersion = (version: { readonly dataset: string; readonly number: number }, detail: string): Found => ({
  kind: 'dataset-version',
  id: `${version.dataset}/${version.number}`,
  name: `${version.dataset}@${version.number}`,
  detail,
});

async function experimentsOf({ tracking }: Modules, text: string): Promise<Found[]> {
  const { items } = await tracking.searchExperiments({ limit: firstNames });
  return items
    .filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()))
    .map(({ id, name }) => ({ kind: 'experiment', id, name, detail: 'experiment' }));
}

/** Runs have no index by name: one look through them in a reader thread, for whole beginnings only. */
async function runsOf({ tracking }: Modules, text: string): Promise<Found[]> {
  if (text.length < runNameMinChars || /['"%_\\`]/.test(text)) return [];
  const { items } = await tracking.searchRuns({ limit: runsShown, filter: `name LIKE '${text}%'` });
  return items.map(({ id, name }) => ({ kind: 'run', id, name, detail: `run ${id}` }));
}

async function eventsOf(ledger: Ledger, text: string): Promise<Found[]> {
  const byNumber = /^#?(\d{1,15})$/.exec(text)?.[1];
  const events =
    byNumber === undefined
      ? await ledger.list({ subject: text, limit: eventsShown, order: 'desc' })
      : await ledger.list({ afterSeq: Number(byNumber) - 1, limit: 1 });
  return events
    .filter((e) => byNumber === undefined || e.seq === Number(byNumber))
    .map((e) => ({ kind: 'event', id: String(e.seq), name: `#${e.seq}`, detail: `${e.kind} of ${e.subject}` }));
}

const kindsOfPrefixes: Readonly<Record<string, Kind>> = {
  prd: 'prediction',
  run: 'run',
  plr: 'pipeline-run',
  rol: 'rollout',
  val: 'validation',
  dep: 'deployment',
  alt: 'alert',
  dsv: 'dataset-version',
};

/** Undefined when the text is neither an id nor a digest. */
async function findById(deps: PaletteDeps, text: string): Promise<readonly Found[] | undefined> {
  const { ledger, objects, modules } = deps;
  const digest = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (digest !== undefined) {
    const object = await objects.find(`sha256:${digest}`);
    if (object === undefined) return [];
    const versions = await modules.data.versionsWith(object.digest, versionsShown);
    return [
      ...versions.map((version) => datasetVersion(version, `has these bytes as ${version.file}`)),
      { kind: 'object', id: object.digest, name: object.digest, detail: `stored bytes, ${object.sizeBytes}` },
    ];
  }
  // The spelling of MLflow clients.
  const id = /^[0-9a-f]{32}$/.test(text) ? idFromHex('run', text) : text;
  const kind = /^[a-z]{3}_[0-9a-z]{26}$/.test(id) ? kindsOfPrefixes[id.slice(0, 3)] : undefined;
  if (kind === undefined) return undefined;
  if (kind === 'dataset-version') {
    const version = await modules.data.findVersionById(id);
    return version === undefined ? [] : [datasetVersion(version, id)];
  }
  const events = kind === 'prediction' ? [] : await ledger.list({ subject: id, limit: eventsShown, order: 'desc' });
  return [
    { kind, id, name: id, detail: kind.replace('-', ' ') },
    ...events.map((e): Found => ({ kind: 'event', id: String(e.seq), name: `#${e.seq}`, detail: e.kind })),
  ];
}
