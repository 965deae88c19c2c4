/** Pages of things that the demo made, below the workspace's address, each by a short name. */
import type { Client } from 'slipway';

export async function demoAddresses(client: Client): Promise<Map<string, string>> {
  const [run] = (await client.pipelineRuns.list({ query: { limit: 20 } })).items.filter((r) => r.pipeline === 'train');
  const { items: tracked } = await client.runs.list({ query: { limit: 50 } });
  const fit = tracked.find((r) => r.name === 'train-trees-steady');
  const [rollout] = (
    await client.rollouts.list({ params: { endpoint: 'flight-delay' }, query: { limit: 20 } })
  ).items.filter((r) => r.state === 'promoted');
  const [prediction] = (
    await client.endpoints.predictions({ params: { endpoint: 'flight-delay' }, query: { limit: 1 } })
  ).items;
  const refused = (await client.validations.list({ query: { limit: 20 } })).items.find((v) => !v.success);
  const [alert] = (await client.alerts.list({ query: { limit: 1 } })).items;
  return new Map([
    ['overview', ''],
    ['datasets', '/data'],
    ['data', '/data/flights/versions/latest'],
    ['validation', `/data/validations/${refused?.id ?? ''}`],
    ['features', '/features/flights'],
    ['pipelines', '/pipelines'],
    ['pipeline', '/pipelines/train'],
    ['pipeline-run', `/pipeline-runs/${run?.id ?? ''}?step=evaluate`],
    ['experiments', '/experiments'],
    ['run', `/runs/${fit?.id ?? ''}`],
    ['models', '/models'],
    ['model', '/models/flight-delay'],
    ['model-version', '/models/flight-delay/versions/2'],
    ['approvals', '/approvals'],
    ['endpoints', '/endpoints'],
    ['endpoint', '/endpoints/flight-delay'],
    ['rollout', `/rollouts/${rollout?.id ?? ''}`],
    ['monitors', '/monitors'],
    ['monitor', '/monitors/flight-delay-weekly'],
    ['alerts', '/alerts'],
    ['alert', `/alerts/${alert?.id ?? ''}`],
    ['policies', '/policies'],
    ['policy', '/policies/retrain-on-decay'],
    ['lineage', '/why'],
    ['why', `/why/prediction/${prediction?.id ?? ''}`],
    ['ledger', '/ledger'],
    ['settings', '/settings'],
  ]);
}
