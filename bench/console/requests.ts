/**
 * What the console's pages ask the server: every GET operation of the contract with names that the workspace has, lists by
 * first page, page of 200 and deep page too, and those operations that filter and sort in their usual and their worst ways.
 * An operation that is added to the contract is asked without a change here, as long as its parameters are known nouns.
 */
import type { Route } from '@slipway/contract';
import { allRoutes } from '@slipway/contract';
import type { Names } from './names.ts';

export interface ConsoleRequest {
  readonly operation: string;
  /** What of it: "first page", "deep page", "by metric". */
  readonly what: string;
  readonly path: string;
}

export interface Requests {
  readonly requests: readonly ConsoleRequest[];
  /** Operations that were not asked, and why. */
  readonly left: readonly string[];
}

type Query = Readonly<Record<string, string | number>>;

/** Rows that a table of the console asks for at a time. */
const tablePage = 200;
/** Pages that a person scrolls down before the deep page. */
const deepPages = 20;
const hourMs = 3_600_000;

/** Reads that touch everything there is by their nature, asked for by a person who waits: measured, without the bound. */
export const unbounded: ReadonlySet<string> = new Set(['ledger.verify']);

/** The path with its parameters filled in, or the parameter for which there is no name. */
function fill(path: string, { params }: Names): { readonly path: string } | { readonly unknown: string } {
  const segments: string[] = [];
  let before = '';
  for (const segment of path.split('/')) {
    const parameter = /^\{(\w+)\+?\}$/.exec(segment)?.[1];
    const value = parameter === undefined ? segment : (params[`${before}/${parameter}`] ?? params[parameter]);
    if (value === undefined) return { unknown: parameter ?? segment };
    before = parameter ?? segment;
    segments.push(encodeURIComponent(value));
  }
  return { path: segments.join('/') };
}

const search = (query: Query): string =>
  new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString();
const withQuery = (path: string, query: Query): string =>
  Object.keys(query).length === 0 ? path : `${path}?${search(query)}`;

function runSearches(experiment: string): Readonly<Record<string, Query>> {
  const bestAuc = 'metrics.auc desc';
  const inOne: Record<string, Query> = {
    'one experiment, newest first': {},
    'one experiment, best metric': { orderBy: bestAuc },
    'metric and param, best metric': {
      filter: 'metrics.loss < 0.4 and params.model = "gbt"',
      orderBy: bestAuc,
    },
    'a rare param': { filter: 'params.note = "golden"' },
    'filters that fight the order': { filter: 'metrics.loss > 0.5', orderBy: bestAuc },
    'nothing matches': { filter: 'metrics.f1 > 0.75 and metrics.accuracy < 0.1', orderBy: bestAuc },
    'one status': { filter: 'attributes.status = "failed"' },
    'a status that none has': { filter: 'attributes.status = "killed"' },
    'part of a name': { filter: 'attributes.name like "%4711%"' },
    'part of a param': { filter: 'params.seed like "%99%"' },
    'one tag, best metric': { filter: 'tags.team = "ann"', orderBy: 'metrics.loss asc' },
    'by a param': { orderBy: 'params.learning_rate asc' },
    'by a tag': { orderBy: 'tags.team desc' },
    'by name': { orderBy: 'attributes.name asc' },
    'by end': { orderBy: 'attributes.endedAt desc' },
  };
  return {
    ...Object.fromEntries(Object.entries(inOne).map(([what, query]) => [what, { experiment, ...query }])),
    'all experiments, best metric': { orderBy: bestAuc },
    'all experiments, by a param': { orderBy: 'params.model asc' },
    'all experiments, one param': { filter: 'params.model = "mlp"' },
  };
}

/** Ways in which operations are asked; an operation that needs a query to be asked at all has no plain way beside these. */
function variantsOf(names: Names): Readonly<Record<string, Readonly<Record<string, Query>>>> {
  const { experiment, headSeq, lastPredictionAt: end } = names;
  const middle = Math.floor(headSeq / 2);
  const day = { from: end - 24 * hourMs, to: end };
  return {
    'runs.list': Object.fromEntries(
      Object.entries(runSearches(experiment)).map(([what, query]) => [what, { ...query, limit: tablePage }]),
    ),
    'runs.count': {
      'one param': { experiment, filter: 'params.model = "gbt"' },
      'part of a param': { experiment, filter: 'params.seed like "%99%"' },
      'all experiments': {},
    },
    'runs.keys': { 'part of a name': { experiment, contains: 'a' } },
    'runs.values': {
      'a param with few': { experiment, kind: 'param', key: 'model' },
      'a param with very many': { experiment, kind: 'param', key: 'seed', prefix: '9' },
    },
    'runs.sample': {
      'fifty runs': { runs: names.runs.join(','), key: 'loss' },
      'one very long series': { runs: names.longRun, key: 'loss' },
      'a stretch of it': { runs: names.longRun, key: 'loss', fromStep: 1000, toStep: 3000 },
    },
    'runs.history': { 'all points of a page': { limit: 25_000 } },
    'ledger.list': {
      'page of 200': { limit: tablePage },
      'before the middle': { before: middle, limit: tablePage },
      'after the middle': { after: middle, limit: tablePage },
      'of one kind': { kind: 'alias.moved', limit: tablePage },
      'of one noun': { kind: 'alias', limit: tablePage },
      'of one common kind': { kind: 'labels.joined', limit: tablePage },
      'of a kind that never was': { kind: 'dataset.version-created', limit: tablePage },
      'of one subject': { subject: 'model:delay', limit: tablePage },
      'of an actor that never was': { actor: 'nobody', limit: tablePage },
      'part of a subject': { q: 'delay', limit: tablePage },
      'part of a subject that never was': { q: 'nowhere-at-all', limit: tablePage },
    },
    'endpoints.predictions': {
      'the last day': { ...day, limit: tablePage },
      'from the middle': { from: end - 90 * 24 * hourMs, limit: 1000 },
      'after the end': { from: end + hourMs, limit: tablePage },
    },
    'monitoring.compare': { 'the last day': { champion: 1, challenger: 2, ...day } },
    'monitoring.segments': { 'the last day': { champion: 1, challenger: 2, ...day } },
    'alerts.list': { 'open ones': { state: 'open' }, 'resolved ones': { state: 'resolved', limit: tablePage } },
    'pipelineRuns.list': { 'of one pipeline': { pipeline: names.params['pipeline'] ?? '', limit: tablePage } },
    'policies.dryRun': { 'all events': { limit: 10_000 } },
    'palette.search': {
      'the start of a name': { q: 'del' },
      'part of a name': { q: '04' },
      'nothing like it': { q: 'nowhere-at-all' },
      'an id': { q: names.runs[0] ?? 'run' },
    },
    'datasets.diff': { 'first to latest': { from: '1' } },
  };
}

/** Whether an operation can be asked without a query. */
const isPlain = (route: Route): boolean => route.query === undefined || route.query.safeParse({}).success;
const isPaged = (route: Route): boolean => route.query !== undefined && 'pageToken' in route.query.shape;

/** The token of the page after so many. */
async function deepToken(url: string, path: string): Promise<string | undefined> {
  let token: string | undefined;
  for (let page = 0; page < deepPages; page++) {
    const query = search({ limit: tablePage, ...(token === undefined ? {} : { pageToken: token }) });
    const response = await fetch(`${url}${path}?${query}`);
    // A list of this server's own API.
    const body = (await response.json()) as { readonly nextPageToken?: string };
    if (body.nextPageToken === undefined) return token;
    token = body.nextPageToken;
  }
  return token;
}

export async function consoleRequests(url: string, names: Names): Promise<Requests> {
  const requests: ConsoleRequest[] = [];
  const left: string[] = [];
  const variants = variantsOf(names);
  for (const [operation, route] of Object.entries<Route>(allRoutes)) {
    if (route.method !== 'GET' || !route.path.startsWith('/api/') || route.response === 'events') continue;
    const filled = fill(route.path, names);
    if ('unknown' in filled) {
      left.push(`${operation}: no {${filled.unknown}} here`);
      continue;
    }
    const { path } = filled;
    const ways = Object.entries(variants[operation] ?? {});
    const ask = (what: string, query: Query): void =>
      void requests.push({ operation, what, path: withQuery(path, query) });
    if (isPlain(route)) ask(isPaged(route) ? 'first page' : '', {});
    else if (ways.length === 0) left.push(`${operation}: it needs a query`);
    if (isPaged(route) && isPlain(route)) {
      ask('page of 200', { limit: tablePage });
      const token = await deepToken(url, path);
      if (token !== undefined) ask('deep page', { limit: tablePage, pageToken: token });
    }
    for (const [what, query] of ways) ask(what, query);
  }
  return { requests, left };
}
