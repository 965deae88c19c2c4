/** The ten stages of the loop with what each last said, read from what the server knows. Nothing here is made up. */
import type { Loop } from '@slipway/contract';
import type { IconName } from '../../components/icon.tsx';
import type { Status } from '../../components/status.tsx';
import { statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { count, decimals, duration, figure, instant, latency, percent, plural, signed } from '../../words.ts';

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

/** What the endpoint of the loop answered lately. */
export interface Pace {
  readonly perSecond: number;
  readonly latencyUsP99: number;
  readonly to: number;
}

/** What a stage shows of itself: where it leads, and its last fact. */
type Told = Pick<Stage, 'path' | 'fact'>;

/** In the order of the loop. */
const stages: readonly (Omit<Stage, keyof Told> & { readonly tell: (loop: Loop, pace: Pace | undefined) => Told })[] = [
  { key: 'data', word: 'Data', icon: 'data', hint: 'Add a dataset', command: 'slipway data add', tell: ofData },
  {
    key: 'validate',
    word: 'Validate',
    icon: 'eval',
    hint: 'Declare a suite',
    command: 'slipway data validate',
    tell: ofValidate,
  },
  {
    key: 'features',
    word: 'Features',
    icon: 'features',
    hint: 'Define them in features.yaml',
    command: 'slipway apply',
    tell: ofFeatures,
  },
  {
    key: 'train',
    word: 'Train',
    icon: 'pipeline',
    hint: 'Run a pipeline or a script',
    command: 'slipway pipeline run',
    tell: ofTrain,
  },
  {
    key: 'gate',
    word: 'Gate',
    icon: 'shield',
    hint: 'Bounds in slipway.yaml',
    command: 'slipway model gates',
    tell: ofGate,
  },
  {
    key: 'register',
    word: 'Register',
    icon: 'model',
    hint: 'A run that passes its gate',
    command: 'slipway model list',
    tell: ofRegister,
  },
  {
    key: 'rollout',
    word: 'Roll out',
    icon: 'branch',
    hint: 'From the second version on',
    command: 'slipway endpoint rollout',
    tell: ofRollout,
  },
  {
    key: 'serve',
    word: 'Serve',
    icon: 'endpoint',
    hint: 'Deploy a version',
    command: 'slipway endpoint deploy',
    tell: ofServe,
  },
  {
    key: 'monitor',
    word: 'Monitor',
    icon: 'monitor',
    hint: 'Declare one for an endpoint',
    command: 'slipway monitor list',
    tell: ofMonitor,
  },
  {
    key: 'policy',
    word: 'Policy',
    icon: 'policy',
    hint: 'When this happens, do that',
    command: 'slipway policy list',
    tell: ofPolicy,
  },
];

export const stagesOf = (loop: Loop, pace: Pace | undefined): readonly Stage[] =>
  stages.map(({ tell, ...head }) => ({ ...head, ...tell(loop, pace) }));

function ofData({ data: dataset }: Loop): Told {
  return {
    path: dataset === undefined ? to.data : to.dataset(dataset.name),
    fact: dataset?.latest && {
      status: { tone: 'ok', word: 'Stored' },
      lead: `${dataset.name}@${dataset.latest.number}`,
      rest: `, ${count(dataset.latest.rowCount)} rows`,
      below: `${instant(dataset.latest.createdAt)}, ${plural(dataset.latest.fileCount, 'file')}`,
    },
  };
}

function ofValidate({ validate: validation }: Loop): Told {
  return {
    path: validation === undefined ? to.data : to.validation(validation.id),
    fact: validation && {
      status: statusOf(validation.success ? 'passed' : 'failed'),
      lead: `${validation.evaluated - validation.failed} of ${validation.evaluated}`,
      rest: ' expectations',
      below: `${validation.suite}, ${instant(validation.createdAt)}`,
    },
  };
}

function ofFeatures({ features: set }: Loop): Told {
  return {
    path: set === undefined ? to.features : to.featureSet(set.name),
    fact: set && {
      status: set.state.status === 'ready' ? { tone: 'ok', word: 'Joined' } : statusOf(set.state.status),
      lead: `${set.services[0]?.features.length ?? 0} features`,
      rest: `, ${set.services[0]?.name ?? set.name}`,
      below: `${count(Object.values(set.state.sources).reduce((n, s) => n + s.rows, 0))} events online`,
    },
  };
}

function ofTrain({ train: run }: Loop): Told {
  return {
    path: run === undefined ? to.pipelines : to.pipelineRun(run.id),
    fact: run && {
      status: statusOf(run.state),
      lead: run.pipeline,
      rest: run.finishedAt === undefined ? ', running' : `, ${duration(run.finishedAt - run.startedAt)}`,
      below: `${instant(run.startedAt)}, by ${run.startedBy}`,
    },
  };
}

function ofGate({ gate }: Loop): Told {
  return {
    path: gate?.version === undefined ? to.models : to.version(gate.model, gate.version),
    fact: gate && {
      status: statusOf(gate.passed ? 'passed' : 'failed'),
      lead: `${gate.checks.filter((c) => c.passed).length} of ${gate.checks.length}`,
      rest: gateFigure(gate.evidence.metrics['auc']),
      below: gateGain(gate.evidence.paired?.differences),
    },
  };
}

function ofRegister({ register: version }: Loop): Told {
  return {
    path: version === undefined ? to.models : to.version(version.model, version.number),
    fact: version && {
      status: { tone: 'ok', word: 'Registered' },
      lead: `${version.model} v${version.number}`,
      rest: version.aliases.length === 0 ? '' : ` ${version.aliases.join(', ')}`,
      below: instant(version.createdAt),
    },
  };
}

function ofRollout({ rollout }: Loop): Told {
  return {
    path: rollout === undefined ? to.endpoints : to.rollout(rollout.id),
    fact: rollout && {
      status:
        rollout.state === 'running'
          ? { tone: 'run', word: `Step ${rollout.stage + 1} of ${rollout.plan.stages.length}` }
          : statusOf(rollout.state),
      lead: `v${rollout.incumbent} to v${rollout.candidate}`,
      rest: rollout.guard === undefined ? '' : `, guard ${rollout.guard}`,
      below: rollout.decisions.at(-1)?.sentence ?? '',
    },
  };
}

function ofServe({ serve: endpoint }: Loop, pace: Pace | undefined): Told {
  return {
    path: endpoint === undefined ? to.endpoints : to.endpoint(endpoint.name),
    fact: endpoint?.deployment && {
      status: { tone: 'ok', word: 'Deployed' },
      lead: endpoint.deployment.traffic.map((t) => `v${t.version} ${t.percent} %`).join(', '),
      rest: pace === undefined ? '' : `, ${figure(pace.perSecond)} req/s`,
      below:
        pace === undefined
          ? `${plural(endpoint.labelCount, 'label')}, deployment ${endpoint.deployment.number}`
          : `p99 ${latency(pace.latencyUsP99)}, to ${instant(pace.to)}`,
    },
  };
}

function ofMonitor({ monitor }: Loop): Told {
  const window = monitor?.windows[0];
  return {
    path: monitor === undefined ? to.monitors : to.monitor(monitor.monitor),
    fact: window && {
      status: statusOf(window.verdict),
      lead: `gap ${signed(window.calibration?.gap)}`,
      rest: `, AUC ${decimals(window.auc?.value)}`,
      below: `labels ${percent(window.coverage)}, ${plural(window.drifted, 'column')} drifted`,
    },
  };
}

function ofPolicy({ policy }: Loop): Told {
  const firing = policy?.firing;
  return {
    path: policy === undefined ? to.policies : to.policy(policy.policy),
    fact:
      policy === undefined
        ? undefined
        : {
            status: firing === undefined ? { tone: 'idle', word: 'Waiting' } : statusOf(firing.state),
            lead: policy.policy,
            rest: firing === undefined ? '' : ` fired ${instant(firing.at)}`,
            below: firing?.reason ?? 'has not fired yet',
          },
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
