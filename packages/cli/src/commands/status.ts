import type { Loop } from '@slipway/contract';
import type { Command } from 'commander';
import { action } from '../command.ts';
import { count, instant, paint, table } from '../output.ts';

export function register(program: Command): void {
  program
    .command('status')
    .description('What each stage of the loop did last, and what waits for somebody')
    .addHelpText('after', '\nExamples:\n  slipway status\n  slipway status --json\n')
    .action(
      action(async ({ client, output }) => {
        const loop = await client.loop.get({});
        output.result(loop, () => [table(['STAGE', 'STATE', 'LAST'], stages(loop)), '', ...waiting(loop)].join('\n'));
      }),
    );
}

const none = ['empty', ''] as const;
type Row = readonly [stage: string, state: string, last: string];

function stages(loop: Loop): string[][] {
  const rows: Row[] = [
    ['data', ...dataOf(loop)],
    ['validate', ...validationOf(loop)],
    ['features', ...(loop.features === undefined ? none : ([loop.features.state.status, loop.features.name] as const))],
    [
      'train',
      ...(loop.train === undefined
        ? none
        : ([loop.train.state, `${loop.train.pipeline}, ${instant(loop.train.startedAt)}`] as const)),
    ],
    ['gate', ...gateOf(loop)],
    ['register', ...versionOf(loop)],
    ['roll out', ...rolloutOf(loop)],
    ['serve', ...endpointOf(loop)],
    ['monitor', ...windowOf(loop)],
    ['policy', ...policyOf(loop)],
  ];
  return rows.map((row) => [...row]);
}

type Said = readonly [state: string, last: string];

function dataOf({ data }: Loop): Said {
  const latest = data?.latest;
  return data === undefined || latest === undefined
    ? none
    : ['stored', `${data.name}@${latest.number}, ${count(latest.rowCount, 'row')}`];
}

function validationOf({ validate }: Loop): Said {
  if (validate === undefined) return none;
  const passed = validate.evaluated - validate.failed;
  return [validate.success ? 'passed' : 'failed', `${passed} of ${validate.evaluated} of suite ${validate.suite}`];
}

function gateOf({ gate }: Loop): Said {
  if (gate === undefined) return none;
  const passed = gate.checks.filter((check) => check.passed).length;
  return [gate.passed ? 'passed' : 'failed', `${passed} of ${gate.checks.length} checks of ${gate.model}`];
}

function versionOf({ register: version }: Loop): Said {
  if (version === undefined) return none;
  return ['registered', [`${version.model}/${version.number}`, ...version.aliases].join(' ')];
}

function rolloutOf({ rollout }: Loop): Said {
  if (rollout === undefined) return none;
  return [rollout.state, `version ${rollout.candidate} over ${rollout.incumbent} on ${rollout.endpoint}`];
}

function endpointOf({ serve }: Loop): Said {
  if (serve?.deployment === undefined) return none;
  const traffic = serve.deployment.traffic.map((arm) => `version ${arm.version} ${arm.percent} %`);
  return ['deployed', `${serve.name}: ${traffic.join(', ')}`];
}

function windowOf({ monitor }: Loop): Said {
  const window = monitor?.windows[0];
  return monitor === undefined || window === undefined
    ? none
    : [window.verdict, `${monitor.monitor}, window from ${instant(window.from)}`];
}

function policyOf({ policy }: Loop): Said {
  if (policy === undefined) return none;
  return [
    policy.firing?.state ?? 'waiting',
    `${policy.policy}${policy.firing === undefined ? '' : `: ${policy.firing.reason}`}`,
  ];
}

/** One line each, with the command that goes on. */
function waiting({ attention: { alerts, refused, approvals } }: Loop): string[] {
  const lines = [
    ...approvals.map((a) => `approval ${a.id} waits for a ${a.role}: slipway approval show ${a.id}`),
    ...alerts.map((a) => `${a.severity} of ${a.monitor}: slipway monitor alerts --monitor ${a.monitor}`),
    ...refused.map((v) => `${v.failed} expectations failed: slipway data validation ${v.id}`),
  ];
  return lines.length === 0 ? ['Nothing waits for anybody.'] : [paint('bold', 'Waits for somebody'), ...lines];
}
