/** Verbs of rollouts: start, look, hold, resume, roll back, cancel. */
import type { Rollout, RolloutProgress } from '@slipway/contract';
import type { Command } from 'commander';
import { idOf, lengthOf, nameOf, usage, versionOf } from '../arguments.ts';
import { action } from '../command.ts';
import type { Session } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery } from '../listing.ts';
import { instant, paint, table } from '../output.ts';

const endpointName = nameOf('endpoint');

export function rollouts(endpoint: Command): void {
  endpoint
    .command('rollout')
    .description('Let a version replace the incumbent, stage by stage, under the judge')
    .argument('<endpoint>', '', endpointName)
    .argument('<version>', 'the candidate: a number or an alias', versionOf)
    .addHelpText('after', '\nExample:\n  slipway endpoint rollout flight-delay challenger\n')
    .action(
      action(async ({ client, output }, name: string, candidate: number | string) => {
        const made = await client.rollouts.start({ params: { endpoint: name }, body: { candidate } });
        output.result(made, () => drawRollout(made));
      }),
    );
  paged(
    endpoint
      .command('rollouts')
      .description('Rollouts with their decisions, newest first')
      .argument('<endpoint>', '', endpointName),
    20,
  )
    .addHelpText('after', '\nExample:\n  slipway endpoint rollouts flight-delay --limit 1\n')
    .action(
      action(async ({ client, output }, name: string, flags: PageFlags) => {
        const page = await client.rollouts.list({ params: { endpoint: name }, query: pageQuery(flags) });
        if (page.items.length === 0 && !output.json)
          return output.note(
            `No rollouts yet. \`slipway endpoint rollout ${name} VERSION\` starts one; a policy can, too.`,
          );
        output.result(page, () => page.items.map(drawRollout).join('\n\n'));
        if (page.nextPageToken !== undefined && !output.json)
          output.note(`There is more: --page-token ${page.nextPageToken}`);
      }),
    );
  controls(endpoint);
}

interface HoldFlags {
  readonly reason: string;
  readonly for?: string;
}

const rolloutArgument = 'an endpoint, whose running rollout it is, or the id of a rollout';

function controls(endpoint: Command): void {
  endpoint
    .command('hold')
    .description('Stop the clock of a rollout: the split stays, nothing is promoted, guards still roll back')
    .argument('<endpoint>', rolloutArgument, idOf('rollout'))
    .requiredOption('--reason <text>', 'why, for the record')
    .option(
      '--for <duration>',
      'not resumed within it, the rollout ends without promotion: 2h, 3d; 7d unless said',
      lengthOf('--for'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint hold flight-delay --reason "the weather feed is late"\n  slipway endpoint hold rol_01m7z8… --reason "change freeze" --for 3d\n',
    )
    .action(
      action(async ({ client, output }, named: string, { reason, for: length }: HoldFlags) => {
        const rollout = await rolloutOf(client, named);
        const body = { reason, ...(length === undefined ? {} : { for: length }) };
        const held = await client.rollouts.hold({ params: { rollout }, body });
        output.result(held, () => drawRollout(held));
      }),
    );
  endpoint
    .command('resume')
    .description('Let a rollout on hold go on, with the time that its stage had left')
    .argument('<endpoint>', rolloutArgument, idOf('rollout'))
    .option('--reason <text>', 'why, for the record', '')
    .addHelpText('after', '\nExample:\n  slipway endpoint resume flight-delay\n')
    .action(
      action(async ({ client, output }, named: string, { reason }: { reason: string }) => {
        const rollout = await rolloutOf(client, named);
        const resumed = await client.rollouts.resume({ params: { rollout }, body: { reason } });
        output.result(resumed, () => drawRollout(resumed));
      }),
    );
  rollback(endpoint);
  progress(endpoint);
  cancel(endpoint);
}

function rollback(endpoint: Command): void {
  endpoint
    .command('rollback')
    .description('Roll a running rollout back now: all traffic goes to the incumbent')
    .argument('<endpoint>', rolloutArgument, idOf('rollout'))
    .requiredOption('--reason <text>', 'why, for the record')
    .addHelpText(
      'after',
      '\nExample:\n  slipway endpoint rollback flight-delay --reason "scores of JFK are off"\n\nWithout a rollout under way: `slipway endpoint deploy NAME VERSION` sends the traffic back.\n',
    )
    .action(
      action(async ({ client, output }, named: string, { reason }: { reason: string }) => {
        const rollout = await rolloutOf(client, named);
        const done = await client.rollouts.rollBack({ params: { rollout }, body: { reason } });
        output.result(done, () => drawRollout(done));
      }),
    );
}

function progress(endpoint: Command): void {
  endpoint
    .command('progress')
    .description('Where the judge of a rollout stands now: counts, guards, the next look, the earliest decision')
    .argument('<endpoint>', rolloutArgument, idOf('rollout'))
    .addHelpText('after', '\nExample:\n  slipway endpoint progress flight-delay\n')
    .action(
      action(async ({ client, output }, named: string) => {
        const rollout = await rolloutOf(client, named);
        const found = await client.rollouts.progress({ params: { rollout } });
        output.result(found, () => drawProgress(found));
      }),
    );
}

function cancel(endpoint: Command): void {
  endpoint
    .command('cancel')
    .description('Stop a rollout: all traffic goes back to the incumbent')
    .argument('<rollout>', '', idOf('rollout'))
    .addHelpText('after', '\nExample:\n  slipway endpoint cancel rol_01m7z8…\n')
    .action(
      action(async ({ client, output }, rollout: string) => {
        const done = await client.rollouts.cancel({ params: { rollout } });
        output.result(done, () => drawRollout(done));
      }),
    );
}

/** The rollout that is named, or the one that runs on the endpoint that is named. */
async function rolloutOf(client: Session['client'], named: string): Promise<string> {
  if (/^rol_[0-9a-z]{26}$/.test(named)) return named;
  const { runningRollout, deployment } = await client.endpoints.get({ params: { endpoint: endpointName(named) } });
  if (runningRollout !== undefined) return runningRollout;
  const serves =
    deployment === undefined ? 'nothing is deployed' : `version ${deployment.traffic[0]?.version ?? ''} serves`;
  throw usage(
    `no rollout runs on ${named}; ${serves}. \`slipway endpoint rollouts ${named}\` shows those that ended, \`slipway endpoint deploy ${named} VERSION --reason …\` changes what is served`,
  );
}

export function drawRollout(rollout: Rollout): string {
  const colour = {
    running: 'cyan',
    promoted: 'green',
    rejected: 'yellow',
    'rolled-back': 'red',
    cancelled: 'dim',
  } as const;
  const state =
    rollout.hold === undefined
      ? paint(colour[rollout.state], rollout.state)
      : paint('yellow', `on hold until ${instant(rollout.deadlineAt)}`);
  const head = `${paint('bold', rollout.id)} version ${rollout.candidate} over ${rollout.incumbent}: ${state}${rollout.guard === undefined ? '' : ` (${rollout.guard})`}`;
  const rows = rollout.decisions.map((d) => [
    instant(d.at),
    d.stage,
    d.verdict,
    d.requests.toLocaleString('en-US'),
    d.labelledPairs.toLocaleString('en-US'),
    d.sentence,
  ]);
  return `${head}\n${table(['AT', 'STAGE', 'DECISION', 'REQUESTS', 'LABELLED', 'WHY'], rows)}`;
}

/** What the candidate's answers cost, by what both versions answer. */
const harmNames: Readonly<Record<RolloutProgress['task'], string>> = {
  binary: 'log loss',
  classes: 'log loss',
  number: 'absolute error',
  quantiles: 'pinball loss',
};

function drawProgress(progress: RolloutProgress): string {
  const { rollout, state, isOnHold, requests, canaryRequests, labelledPairs, looks, nextLookAtPairs } = progress;
  const number = (value: number | null): string => (value === null ? '-' : value.toFixed(2));
  const facts = [
    ['requests', `${requests} (${canaryRequests} answered by the candidate)`],
    ['labelled pairs', String(labelledPairs)],
    ['looks so far', String(looks)],
    ['next look', nextLookAtPairs === undefined ? '-' : `at ${nextLookAtPairs} labelled pairs`],
    ['earliest decision', progress.earliestDecisionAt === undefined ? '-' : instant(progress.earliestDecisionAt)],
    [`extra ${harmNames[progress.task]}`, `${progress.harm.toFixed(3)} (95 %: at most ${number(progress.harmUpper)})`],
  ];
  const guards = progress.guards.map((g) => [
    g.guard,
    g.scale,
    number(g.value),
    g.bar.toFixed(2),
    String(g.count),
    g.nextLookAt === undefined ? '-' : String(g.nextLookAt),
  ]);
  const head = [`ROLLOUT ${rollout}`, isOnHold ? 'on hold' : state];
  const parts = [table(head, facts)];
  if (guards.length > 0)
    parts.push(table(['GUARD', 'MEASURED IN', 'NOW', 'FIRES ABOVE', 'COUNTED', 'NEXT LOOK AT'], guards));
  return parts.join('\n\n');
}
