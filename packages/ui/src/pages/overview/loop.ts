/** The ten stages of the loop with what each last said, read from what the server knows. Nothing here is made up. */
import type { Endpoint, MonitorWindow, Rollout } from '@slipway/contract';
import { useAsk } from '../../api/queries.ts';
import type { IconName } from '../../components/icon.tsx';
import type { Status } from '../../components/status.tsx';
import { statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { count, decimals, duration, instant, percent, plural, signed } from '../../words.ts';

export interface Stage {
  readonly key: string;
  readonly word: string;
  readonly icon: IconName;
  readonly path: string;
  /** Undefined while nothing has happened here. */
  readonly fact:
    | { readonly status: Status; readonly lead: string; readonly rest: string; readonly below: string }
    | undefined;
  /** What would make it start. */
  readonly hint: string;
  readonly command: string;
}

const one = { limit: 1 };
const some = { limit: 50 };

export interface Loop {
  readonly stages: readonly Stage[];
  readonly isLoading: boolean;
  readonly endpoint: Endpoint | undefined;
  readonly rollout: Rollout | undefined;
  readonly windows: readonly MonitorWindow[];
}

export function useLoop(): Loop {
  const datasets = useAsk('datasets.list', { query: some });
  const validations = useAsk('validations.list', { query: one });
  const sets = useAsk('featureSets.list', { query: one });
  const setName = sets.data?.items[0]?.name ?? '';
  const set = useAsk('featureSets.get', { params: { set: setName } }, { enabled: setName !== '' });
  const runs = useAsk('pipelineRuns.list', { query: one });
  const models = useAsk('models.list', { query: one });
  const modelName = models.data?.items[0]?.name ?? '';
  const gates = useAsk('models.gates', { params: { model: modelName }, query: one }, { enabled: modelName !== '' });
  const versions = useAsk(
    'models.versions',
    { params: { model: modelName }, query: one },
    { enabled: modelName !== '' },
  );
  const endpoints = useAsk('endpoints.list', { query: some });
  const endpoint = endpoints.data?.items.find((e) => e.deployment !== undefined);
  const endpointName = endpoint?.name ?? '';
  const rollouts = useAsk(
    'rollouts.list',
    { params: { endpoint: endpointName }, query: one },
    { enabled: endpointName !== '' },
  );
  const monitors = useAsk('monitors.list', { query: one });
  const monitorName = monitors.data?.items[0]?.name ?? '';
  const windows = useAsk(
    'monitors.windows',
    { params: { monitor: monitorName }, query: { limit: 26 } },
    { enabled: monitorName !== '' },
  );
  const policies = useAsk('policies.list', { query: some });
  const policyName = policies.data?.items.find((p) => 'run' in p.spec.do)?.name ?? policies.data?.items[0]?.name ?? '';
  const firings = useAsk(
    'policies.firings',
    { params: { policy: policyName }, query: one },
    { enabled: policyName !== '' },
  );

  const dataset = datasets.data?.items.toSorted((a, b) => (b.latest?.createdAt ?? 0) - (a.latest?.createdAt ?? 0))[0];
  const validation = validations.data?.items[0];
  const run = runs.data?.items[0];
  const gate = gates.data?.items[0];
  const version = versions.data?.items[0];
  const rollout = rollouts.data?.items[0];
  const window = windows.data?.items[0];
  const firing = firings.data?.items[0];
  const stage = (
    key: string,
    head: Pick<Stage, 'word' | 'icon' | 'path' | 'hint' | 'command'>,
    fact: Stage['fact'],
  ): Stage => ({
    key,
    ...head,
    fact,
  });

  const stages = [
    stage(
      'data',
      {
        word: 'Data',
        icon: 'data',
        path: dataset === undefined ? to.data : to.dataset(dataset.name),
        hint: 'Add a dataset',
        command: 'slipway data add',
      },
      dataset?.latest && {
        status: { tone: 'ok', word: 'Stored' },
        lead: `${dataset.name}@${dataset.latest.number}`,
        rest: `, ${count(dataset.latest.rowCount)} rows`,
        below: `${instant(dataset.latest.createdAt)}, ${plural(dataset.latest.fileCount, 'file')}`,
      },
    ),
    stage(
      'validate',
      {
        word: 'Validate',
        icon: 'eval',
        path: validation === undefined ? to.data : to.validation(validation.id),
        hint: 'Declare a suite',
        command: 'slipway data validate',
      },
      validation && {
        status: statusOf(validation.success ? 'passed' : 'failed'),
        lead: `${validation.evaluated - validation.failed} of ${validation.evaluated}`,
        rest: ' expectations',
        below: `${validation.suite}, ${instant(validation.createdAt)}`,
      },
    ),
    stage(
      'features',
      {
        word: 'Features',
        icon: 'features',
        path: setName === '' ? to.data : to.featureSet(setName),
        hint: 'Define them in features.yaml',
        command: 'slipway apply',
      },
      set.data && {
        status: set.data.state.status === 'ready' ? { tone: 'ok', word: 'Joined' } : statusOf(set.data.state.status),
        lead: `${set.data.services[0]?.features.length ?? 0} features`,
        rest: `, ${set.data.services[0]?.name ?? set.data.name}`,
        below: `${count(Object.values(set.data.state.sources).reduce((n, s) => n + s.rows, 0))} events online`,
      },
    ),
    stage(
      'train',
      {
        word: 'Train',
        icon: 'pipeline',
        path: run === undefined ? to.pipelines : to.pipelineRun(run.id),
        hint: 'Run a pipeline or a script',
        command: 'slipway pipeline run',
      },
      run && {
        status: statusOf(run.state),
        lead: run.pipeline,
        rest: run.finishedAt === undefined ? ', running' : `, ${duration(run.finishedAt - run.startedAt)}`,
        below: `${instant(run.startedAt)}, by ${run.startedBy}`,
      },
    ),
    stage(
      'gate',
      {
        word: 'Gate',
        icon: 'shield',
        path: gate?.version === undefined ? to.models : to.version(modelName, gate.version),
        hint: 'Bounds in slipway.yaml',
        command: 'slipway model gates',
      },
      gate && {
        status: statusOf(gate.passed ? 'passed' : 'failed'),
        lead: `${gate.checks.filter((c) => c.passed).length} of ${gate.checks.length}`,
        rest: gateFigure(gate.evidence.metrics['auc']),
        below: gateGain(gate.evidence.paired?.differences),
      },
    ),
    stage(
      'policy',
      {
        word: 'Policy',
        icon: 'policy',
        path: policyName === '' ? to.policies : to.policy(policyName),
        hint: 'When this happens, do that',
        command: 'slipway policy list',
      },
      policyName === ''
        ? undefined
        : {
            status: firing === undefined ? { tone: 'idle', word: 'Waiting' } : statusOf(firing.state),
            lead: policyName,
            rest: firing === undefined ? '' : ` fired ${instant(firing.at)}`,
            below: firing?.reason ?? 'has not fired yet',
          },
    ),
    stage(
      'monitor',
      {
        word: 'Monitor',
        icon: 'monitor',
        path: monitorName === '' ? to.monitors : to.monitor(monitorName),
        hint: 'Declare one for an endpoint',
        command: 'slipway monitor list',
      },
      window && {
        status: statusOf(window.verdict),
        lead: `gap ${signed(window.calibration?.gap)}`,
        rest: `, AUC ${decimals(window.auc?.value)}`,
        below: `labels ${percent(window.coverage)}, ${plural(window.drift.filter((d) => d.status === 'drift').length, 'column')} drifted`,
      },
    ),
    stage(
      'serve',
      {
        word: 'Serve',
        icon: 'endpoint',
        path: endpoint === undefined ? to.endpoints : to.endpoint(endpoint.name),
        hint: 'Deploy a version',
        command: 'slipway endpoint deploy',
      },
      endpoint?.deployment && {
        status: { tone: 'ok', word: 'Deployed' },
        lead: endpoint.deployment.traffic.map((t) => `v${t.version} ${t.percent} %`).join(', '),
        rest: '',
        below: `${plural(endpoint.labelCount, 'label')}, deployment ${endpoint.deployment.number}`,
      },
    ),
    stage(
      'rollout',
      {
        word: 'Roll out',
        icon: 'branch',
        path: rollout === undefined ? to.endpoints : to.rollout(rollout.id),
        hint: 'From the second version on',
        command: 'slipway endpoint rollout',
      },
      rollout && {
        status:
          rollout.state === 'running'
            ? { tone: 'run', word: `Step ${rollout.stage + 1} of ${rollout.plan.stages.length}` }
            : statusOf(rollout.state),
        lead: `v${rollout.incumbent} to v${rollout.candidate}`,
        rest: rollout.guard === undefined ? '' : `, guard ${rollout.guard}`,
        below: rollout.decisions.at(-1)?.sentence ?? '',
      },
    ),
    stage(
      'register',
      {
        word: 'Register',
        icon: 'model',
        path: modelName === '' ? to.models : to.model(modelName),
        hint: 'A run that passes its gate',
        command: 'slipway model list',
      },
      version && {
        status: { tone: 'ok', word: 'Registered' },
        lead: `${version.model} v${version.number}`,
        rest: version.aliases.length === 0 ? '' : ` ${version.aliases.join(', ')}`,
        below: instant(version.createdAt),
      },
    ),
  ];
  return {
    stages,
    isLoading: [datasets, runs, models, endpoints].some((q) => q.isPending),
    endpoint,
    rollout,
    windows: windows.data?.items ?? [],
  };
}

const gateFigure = (auc: { readonly value: number } | undefined): string =>
  auc === undefined ? ' checks' : `, AUC ${decimals(auc.value)}`;

function gateGain(
  differences:
    | Readonly<Record<string, { value: number; low?: number | undefined; high?: number | undefined }>>
    | undefined,
): string {
  const auc = differences?.['auc'];
  if (auc === undefined) return 'not compared with a champion';
  return `gain ${signed(auc.value)} (${signed(auc.low)} to ${signed(auc.high)})`;
}
