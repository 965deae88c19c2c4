/** The rooms of the console in the order of work, and where things live. The one list for navigation, keys and palette. */
import type { IconName } from '../components/icon.tsx';

export interface Place {
  readonly path: string;
  readonly word: string;
  readonly icon: IconName;
  readonly group: 'Build' | 'Ship' | 'Watch' | 'Govern' | undefined;
  /** After `g`. */
  readonly key: string | undefined;
}

/** One workspace per server for now; addresses already name it. */
export const base = '/w/default';

const at = (path: string): string => (path === '' ? base : `${base}/${path}`);

export const places: readonly Place[] = [
  { path: at(''), word: 'Overview', icon: 'overview', group: undefined, key: 'o' },
  { path: at('data'), word: 'Data', icon: 'data', group: 'Build', key: 'd' },
  { path: at('features'), word: 'Features', icon: 'features', group: 'Build', key: 'f' },
  { path: at('pipelines'), word: 'Pipelines', icon: 'pipeline', group: 'Build', key: 'p' },
  { path: at('experiments'), word: 'Experiments', icon: 'exp', group: 'Build', key: 'e' },
  { path: at('models'), word: 'Models', icon: 'model', group: 'Ship', key: 'm' },
  { path: at('endpoints'), word: 'Endpoints', icon: 'endpoint', group: 'Ship', key: 'n' },
  { path: at('approvals'), word: 'Approvals', icon: 'approve', group: 'Ship', key: 'v' },
  { path: at('monitors'), word: 'Monitors', icon: 'monitor', group: 'Watch', key: 'w' },
  { path: at('alerts'), word: 'Alerts', icon: 'bell', group: 'Watch', key: 'a' },
  { path: at('policies'), word: 'Policies', icon: 'policy', group: 'Watch', key: 'y' },
  { path: at('why'), word: 'Lineage', icon: 'why', group: 'Govern', key: 'h' },
  { path: at('ledger'), word: 'Ledger', icon: 'ledger', group: 'Govern', key: 'l' },
  { path: at('settings'), word: 'Settings', icon: 'cog', group: undefined, key: 's' },
];

/** Pages of things that lie beside their list's address. */
const belongs: readonly (readonly [address: string, place: string])[] = [
  [at('pipeline-runs'), at('pipelines')],
  [at('runs'), at('experiments')],
  [at('rollouts'), at('endpoints')],
];

/** The entry of the menu under which an address is found. */
export function placeOfAddress(pathname: string): Place | undefined {
  const path = belongs.find(([address]) => pathname.startsWith(`${address}/`))?.[1] ?? pathname;
  return places.find((p) => p.path !== base && (path === p.path || path.startsWith(`${p.path}/`)));
}

const segment = encodeURIComponent;

/** Addresses of things. Every link in the console is made here. */
export const to = {
  overview: base,
  data: at('data'),
  /** With the form that stores files. */
  addFiles: `${at('data')}?form=add`,
  dataset: (name: string, version: number | string = 'latest') =>
    at(`data/${segment(name)}/versions/${segment(String(version))}`),
  validation: (id: string) => at(`data/validations/${segment(id)}`),
  features: at('features'),
  featureSet: (name: string) => at(`features/${segment(name)}`),
  pipelines: at('pipelines'),
  pipeline: (name: string) => at(`pipelines/${segment(name)}`),
  /** With the form that runs it. */
  pipelineForm: (name: string) => `${at(`pipelines/${segment(name)}`)}?form=run`,
  pipelineRun: (id: string) => at(`pipeline-runs/${segment(id)}`),
  experiments: at('experiments'),
  compare: (ids: readonly string[]) => at(`experiments/compare?runs=${ids.map(segment).join(',')}`),
  run: (id: string) => at(`runs/${segment(id)}`),
  models: at('models'),
  model: (name: string) => at(`models/${segment(name)}`),
  version: (model: string, version: number | string) =>
    at(`models/${segment(model)}/versions/${segment(String(version))}`),
  endpoints: at('endpoints'),
  endpoint: (name: string) => at(`endpoints/${segment(name)}`),
  rollout: (id: string) => at(`rollouts/${segment(id)}`),
  approvals: at('approvals'),
  approval: (id: string) => at(`approvals/${segment(id)}`),
  monitors: at('monitors'),
  monitor: (name: string) => at(`monitors/${segment(name)}`),
  alerts: at('alerts'),
  alert: (id: string) => at(`alerts/${segment(id)}`),
  policies: at('policies'),
  policy: (name: string) => at(`policies/${segment(name)}`),
  why: (kind: string, id: string) => at(`why/${segment(kind)}/${segment(id)}`),
  ledger: at('ledger'),
  ledgerSearch: (text: string) => `${at('ledger')}?${new URLSearchParams({ q: text }).toString()}`,
  ledgerEvent: (seq: number) => at(`ledger?open=${seq}`),
  settings: at('settings'),
  /** Whatever has this id, digest or name. */
  anything: (text: string) => at(`x/${segment(text)}`),
};

const prefixes: Readonly<Record<string, (id: string) => string>> = {
  prd: (id) => to.why('prediction', id),
  run: to.run,
  plr: to.pipelineRun,
  rol: to.rollout,
  val: to.validation,
  apr: to.approval,
  dep: (id) => to.why('deployment', id),
  alt: (id) => to.why('alert', id),
};

/** The page of an id, by its prefix: ids in logs and chats become links. */
export const placeOfId = (id: string): string | undefined =>
  /^[a-z]{3}_[0-9a-z]{26}$/.test(id) ? prefixes[id.slice(0, 3)]?.(id) : undefined;

const kinds: Readonly<Record<string, (id: string) => string>> = {
  dataset: (name) => to.dataset(name),
  model: to.model,
  endpoint: to.endpoint,
  monitor: to.monitor,
  policy: to.policy,
  pipeline: to.pipeline,
  'feature-set': to.featureSet,
  'pipeline-run': to.pipelineRun,
  rollout: to.rollout,
  run: to.run,
  validation: to.validation,
  prediction: (id) => to.why('prediction', id),
  deployment: (id) => to.why('deployment', id),
  alert: to.alert,
};

/** The page of a ledger subject such as `endpoint:flight-delay` or a bare id. */
export function placeOfSubject(subject: string): string | undefined {
  const cut = subject.search(/[:/]/);
  if (cut < 0) return placeOfId(subject);
  return kinds[subject.slice(0, cut)]?.(subject.slice(cut + 1));
}
