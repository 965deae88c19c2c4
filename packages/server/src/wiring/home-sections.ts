/** What the home page lists of each module. */
import type { HomeFacts } from '../modules/system/home.ts';
import type { Modules } from './modules.ts';

const firstPage = { limit: 20 } as const;

export function createHomeSections(modules: Modules): () => Promise<HomeFacts['sections']> {
  return async () => {
    const [datasets, models, pipelines, endpoints, monitors] = await Promise.all([
      modules.data.list(firstPage),
      modules.registry.searchModels({ ...firstPage }),
      modules.pipelines.list(firstPage),
      modules.serving.list(firstPage),
      modules.monitoring.list(firstPage),
    ]);
    return [
      {
        title: 'Endpoints',
        path: '/api/endpoints',
        empty: 'None yet. A project declares them; `slipway endpoint deploy` sends traffic to a version.',
        rows: endpoints.items.map((e) => ({
          name: e.name,
          detail: `${e.deployment?.traffic.map((t) => `version ${t.version} ${t.percent} %`).join(', ') ?? 'not deployed'}; ${e.labelCount} labels`,
        })),
      },
      {
        title: 'Models',
        path: '/api/models',
        empty: 'None yet. A pipeline or an MLflow client registers them.',
        rows: models.items.map((m) => ({
          name: m.name,
          detail: `${m.latestNumber} versions; ${Object.entries(m.aliases)
            .map(([a, v]) => `${a} = ${v}`)
            .join(', ')}`,
        })),
      },
      {
        title: 'Pipelines',
        path: '/api/pipelines',
        empty: 'None yet. `slipway apply` brings those of a project folder.',
        rows: pipelines.items.map((p) => ({
          name: p.name,
          detail: p.lastRun === undefined ? 'never run' : `last run ${p.lastRun.id} ${p.lastRun.state}`,
        })),
      },
      {
        title: 'Monitors',
        path: '/api/monitors',
        empty: 'None yet.',
        rows: monitors.items.map((m) => ({ name: m.name, detail: `of endpoint ${m.endpoint}` })),
      },
      {
        title: 'Datasets',
        path: '/api/datasets',
        empty: 'None yet. `slipway data add` makes one.',
        rows: datasets.items.map((d) => ({
          name: d.name,
          detail:
            d.latest === undefined
              ? 'empty'
              : `version ${d.latest.number}, ${d.latest.rowCount.toLocaleString('en-US')} rows`,
        })),
      },
    ];
  };
}
