/** What the home page lists of each module: first what needs somebody, then what runs, then what there is. */
import type { HomeCell, HomeFacts, HomeSection, Tone } from '../modules/system/home.ts';
import type { Modules } from './modules.ts';

const firstPage = { limit: 20 } as const;
const fewRuns = { limit: 8 } as const;

type Sections = HomeFacts['sections'];

export function createHomeSections(modules: Modules): () => Promise<Sections> {
  const parts = [alerts, endpoints, runs, monitors, pipelines, models, datasets, projects];
  return () => Promise.all(parts.map((part) => part(modules)));
}

const number = (n: number): HomeCell => ({ text: n.toLocaleString('en-US'), isNumber: true });
const link = (text: string, path: string): HomeCell => ({ text, path });
const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

async function alerts({ monitoring }: Modules): Promise<HomeSection> {
  const page = await monitoring.alerts({ ...firstPage, state: 'open' });
  return {
    title: 'Open alerts',
    path: '/api/alerts?state=open',
    empty: 'None: nothing is known to be wrong.',
    head: ['Alert', 'Severity', 'Window ends', 'What'],
    hasMore: page.nextPageToken !== undefined,
    rows: page.items.map((a) => [
      link(a.monitor, `/api/alerts/${a.id}`),
      { text: a.severity, tone: a.severity === 'alert' ? 'bad' : 'warn' },
      { at: a.windowTo },
      { text: a.sentence },
    ]),
  };
}

async function endpoints({ serving }: Modules): Promise<HomeSection> {
  const page = await serving.list(firstPage);
  return {
    title: 'Endpoints',
    path: '/api/endpoints',
    empty: 'None yet. A project declares them; `slipway endpoint deploy` sends traffic to a version.',
    head: ['Endpoint', 'Model', 'Traffic', 'Rollout', 'Labels'],
    hasMore: page.nextPageToken !== undefined,
    rows: page.items.map((e) => [
      link(e.name, `/api/endpoints/${e.name}`),
      link(e.spec.model, `/api/models/${encodeURIComponent(e.spec.model)}`),
      e.deployment === undefined
        ? { text: e.retiredAt === undefined ? 'not deployed' : 'retired', tone: 'soft' }
        : { text: e.deployment.traffic.map((t) => `version ${t.version} ${t.percent} %`).join(', '), tone: 'good' },
      e.runningRollout === undefined
        ? { text: '–', tone: 'soft' }
        : { text: 'running', path: `/api/rollouts/${e.runningRollout}`, tone: 'live' },
      number(e.labelCount),
    ]),
  };
}

const runTones: Readonly<Record<string, Tone>> = {
  running: 'live',
  cancelling: 'warn',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'soft',
};

const toneOf = (state: string): HomeCell => {
  const tone = runTones[state];
  return tone === undefined ? { text: state } : { text: state, tone };
};

async function runs(modules: Modules): Promise<HomeSection> {
  const page = await modules.pipelines.listRuns(fewRuns);
  return {
    title: 'Pipeline runs',
    path: '/api/pipeline-runs',
    empty: 'None yet. `slipway pipeline run` starts one and follows it.',
    head: ['Run', 'Pipeline', 'State', 'Started', 'Took', 'By', 'Why'],
    hasMore: page.nextPageToken !== undefined,
    rows: page.items.map((r) => [
      link(r.id, `/api/pipeline-runs/${r.id}`),
      { text: r.pipeline },
      toneOf(r.state),
      { at: r.startedAt },
      { text: r.finishedAt === undefined ? '–' : seconds(r.finishedAt - r.startedAt), isNumber: true },
      { text: r.startedBy },
      { text: r.problem ?? r.reason ?? '' },
    ]),
  };
}

const verdictTones: Readonly<Record<string, Tone>> = {
  ok: 'good',
  warning: 'warn',
  alert: 'bad',
  'too-few-labels': 'soft',
};

async function monitors({ monitoring }: Modules): Promise<HomeSection> {
  const page = await monitoring.list(firstPage);
  const rows = page.items.map(async (m): Promise<HomeCell[]> => {
    const [last] = (await monitoring.windows(m.name, { limit: 1 })).items;
    const name = link(m.name, `/api/monitors/${m.name}/windows`);
    if (last === undefined) return [name, { text: m.endpoint }, { text: 'not judged yet', tone: 'soft' }, {}, {}];
    const tone = verdictTones[last.verdict];
    const verdict = tone === undefined ? { text: last.verdict } : { text: last.verdict, tone };
    return [name, { text: m.endpoint }, verdict, { at: last.to }, { text: last.sentence }];
  });
  return {
    title: 'Monitors',
    path: '/api/monitors',
    empty: 'None yet. slipway.yaml declares them.',
    head: ['Monitor', 'Endpoint', 'Last window', 'Ended', 'What'],
    hasMore: page.nextPageToken !== undefined,
    rows: await Promise.all(rows),
  };
}

async function pipelines(modules: Modules): Promise<HomeSection> {
  const page = await modules.pipelines.list(firstPage);
  const rows = page.items.map(async (p): Promise<HomeCell[]> => {
    const [last] = (await modules.pipelines.listRuns({ pipeline: p.name, limit: 1 })).items;
    return [
      link(p.name, `/api/pipelines/${p.name}`),
      { text: p.project },
      last === undefined ? { text: 'never run', tone: 'soft' } : toneOf(last.state),
      last === undefined ? {} : { at: last.startedAt },
    ];
  });
  return {
    title: 'Pipelines',
    path: '/api/pipelines',
    empty: 'None yet. `slipway apply` brings those of a project folder.',
    head: ['Pipeline', 'Project', 'Last run', 'Started'],
    hasMore: page.nextPageToken !== undefined,
    rows: await Promise.all(rows),
  };
}

async function models({ registry }: Modules): Promise<HomeSection> {
  const page = await registry.searchModels({ ...firstPage });
  return {
    title: 'Models',
    path: '/api/models',
    empty: 'None yet. A pipeline registers them, or an MLflow client.',
    head: ['Model', 'Versions', 'Aliases'],
    rows: page.items.map((m) => [
      link(m.name, `/api/models/${encodeURIComponent(m.name)}/versions`),
      number(m.latestNumber),
      {
        text:
          Object.entries(m.aliases)
            .map(([alias, version]) => `${alias} = ${version}`)
            .join(', ') || '–',
      },
    ]),
  };
}

async function datasets({ data }: Modules): Promise<HomeSection> {
  const page = await data.list(firstPage);
  return {
    title: 'Datasets',
    path: '/api/datasets',
    empty: 'None yet. `slipway data add` makes one.',
    head: ['Dataset', 'Version', 'Rows', 'Changed', 'What'],
    hasMore: page.nextPageToken !== undefined,
    rows: page.items.map((d) => [
      link(d.name, `/api/datasets/${d.name}/versions`),
      ...(d.latest === undefined
        ? [{ text: 'empty', tone: 'soft' as const }, {}, {}]
        : [number(d.latest.number), number(d.latest.rowCount), { at: d.latest.createdAt }]),
      { text: d.description },
    ]),
  };
}

async function projects(modules: Modules): Promise<HomeSection> {
  const found = await modules.projects.list();
  return {
    title: 'Projects',
    path: '/api/projects',
    empty: 'None yet. `slipway apply` in a folder with slipway.yaml brings one here.',
    head: ['Project', 'Apply', 'Commit', 'Applied', 'By'],
    rows: found.map((p) => [
      link(p.name, `/api/projects/${p.name}`),
      number(p.applyNumber),
      {
        text: p.source === undefined ? '–' : `${p.source.commit.slice(0, 12)}${p.source.dirty ? ' with changes' : ''}`,
      },
      { at: p.appliedAt },
      { text: p.appliedBy },
    ]),
  };
}
