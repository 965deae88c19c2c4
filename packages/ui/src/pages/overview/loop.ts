/** The ten stages of the loop with what each last said, read from what the server knows. Nothing here is made up. */
import type { Loop } from '@slipway/contract';
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

type Head = Pick<Stage, 'word' | 'icon' | 'path' | 'hint' | 'command'>;

const stage = (key: string, head: Head, fact: Stage['fact']): Stage => ({ key, ...head, fact });

/** In the order of the loop. */
export function stagesOf(loop: Loop): readonly Stage[] {
  return [
    dataStage(loop),
    validateStage(loop),
    featuresStage(loop),
    trainStage(loop),
    gateStage(loop),
    registerStage(loop),
    rolloutStage(loop),
    serveStage(loop),
    monitorStage(loop),
    policyStage(loop),
  ];
}

function dataStage({ data: dataset }: Loop): Stage {
  return stage(
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
  );
}

function validateStage({ validate: validation }: Loop): Stage {
  return stage(
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
  );
}

function featuresStage({ features: set }: Loop): Stage {
  return stage(
    'features',
    {
      word: 'Features',
      icon: 'features',
      path: set === undefined ? to.features : to.featureSet(set.name),
      hint: 'Define them in features.yaml',
      command: 'slipway apply',
    },
    set && {
      status: set.state.status === 'ready' ? { tone: 'ok', word: 'Joined' } : statusOf(set.state.status),
      lead: `${set.services[0]?.features.length ?? 0} features`,
      rest: `, ${set.services[0]?.name ?? set.name}`,
      below: `${count(Object.values(set.state.sources).reduce((n, s) => n + s.rows, 0))} events online`,
    },
  );
}

function trainStage({ train: run }: Loop): Stage {
  return stage(
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
  );
}

function gateStage({ gate }: Loop): Stage {
  return stage(
    'gate',
    {
      word: 'Gate',
      icon: 'shield',
      path: gate?.version === undefined ? to.models : to.version(gate.model, gate.version),
      hint: 'Bounds in slipway.yaml',
      command: 'slipway model gates',
    },
    gate && {
      status: statusOf(gate.passed ? 'passed' : 'failed'),
      lead: `${gate.checks.filter((c) => c.passed).length} of ${gate.checks.length}`,
      rest: gateFigure(gate.evidence.metrics['auc']),
      below: gateGain(gate.evidence.paired?.differences),
    },
  );
}

function policyStage({ policy }: Loop): Stage {
  const firing = policy?.firing;
  return stage(
    'policy',
    {
      word: 'Policy',
      icon: 'policy',
      path: policy === undefined ? to.policies : to.policy(policy.policy),
      hint: 'When this happens, do that',
      command: 'slipway policy list',
    },
    policy === undefined
      ? undefined
      : {
          status: firing === undefined ? { tone: 'idle', word: 'Waiting' } : statusOf(firing.state),
          lead: policy.policy,
          rest: firing === undefined ? '' : ` fired ${instant(firing.at)}`,
          below: firing?.reason ?? 'has not fired yet',
        },
  );
}

function monitorStage({ monitor }: Loop): Stage {
  const window = monitor?.windows[0];
  return stage(
    'monitor',
    {
      word: 'Monitor',
      icon: 'monitor',
      path: monitor === undefined ? to.monitors : to.monitor(monitor.monitor),
      hint: 'Declare one for an endpoint',
      command: 'slipway monitor list',
    },
    window && {
      status: statusOf(window.verdict),
      lead: `gap ${signed(window.calibration?.gap)}`,
      rest: `, AUC ${decimals(window.auc?.value)}`,
      below: `labels ${percent(window.coverage)}, ${plural(window.drift.filter((d) => d.status === 'drift').length, 'column')} drifted`,
    },
  );
}

function serveStage({ serve: endpoint }: Loop): Stage {
  return stage(
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
  );
}

function rolloutStage({ rollout }: Loop): Stage {
  return stage(
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
  );
}

function registerStage({ register: version }: Loop): Stage {
  return stage(
    'register',
    {
      word: 'Register',
      icon: 'model',
      path: version === undefined ? to.models : to.version(version.model, version.number),
      hint: 'A run that passes its gate',
      command: 'slipway model list',
    },
    version && {
      status: { tone: 'ok', word: 'Registered' },
      lead: `${version.model} v${version.number}`,
      rest: version.aliases.length === 0 ? '' : ` ${version.aliases.join(', ')}`,
      below: instant(version.createdAt),
    },
  );
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
