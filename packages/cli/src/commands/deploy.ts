/** Puts a version behind its endpoint, sees that it answers, and says how programs ask it. */
import type { Deployment, Endpoint, EndpointInterface, ModelVersion, Rollout, Trial } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, realNumber, usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import type { Target } from '../deployment-target.ts';
import { findTarget, modelRefOf } from '../deployment-target.ts';
import { paint } from '../output.ts';
import { traffic } from './endpoint.ts';

interface Flags {
  readonly endpoint?: string;
  readonly percent?: number;
  readonly canary?: boolean;
  readonly reason: string;
}

export function register(program: Command): void {
  program
    .command('deploy')
    .description('Put a model behind its endpoint, see that it answers, and get a line that asks it')
    .argument('[model]', 'model@alias, model/version, or model: its champion, or its only version')
    .option('--endpoint <name>', 'where several endpoints serve the model', nameOf('endpoint'))
    .option(
      '--percent <share>',
      'this version gets so much, the others keep the rest',
      realNumber('--percent', { min: 0, max: 100 }),
    )
    .option('--canary', 'a rollout with a judge: it replaces what is there only if it is better')
    .option('--reason <text>', 'why, for the record', '')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway deploy\n  slipway deploy customers-churned@champion\n  slipway deploy customers-churned/3 --percent 10\n  slipway deploy customers-churned/3 --canary\nWithout a model: the endpoint of the project in this folder. The endpoint itself is declared in slipway.yaml. The row that is tried is not logged and not counted.\n',
    )
    .action(
      action(async (session, typed: string | undefined, flags: Flags) => {
        if (flags.canary === true && flags.percent !== undefined)
          throw usage('--percent sets a share by hand, --canary lets the judge of a rollout do it: give one of them');
        const { client, output, url } = session;
        const ref = typed === undefined ? undefined : modelRefOf(typed);
        const target = await findTarget(client, ref, flags.endpoint);
        const done = await deploy(session, target, flags);
        const { name } = target.endpoint;
        const shape = await client.endpoints.interface({ params: { endpoint: name } });
        const trial = await tryRow(session, shape, target.version.number);
        const result = {
          endpoint: name,
          model: target.version.model,
          version: target.version.number,
          ...done,
          sample: shape.sample,
          answer: trial,
          curl: curlOf(session, shape),
          form: `${url.replace(/\/+$/, '')}/w/default/endpoints/${encodeURIComponent(name)}`,
          openapi: `${url}/api/endpoints/${encodeURIComponent(name)}/openapi.json`,
          clients: `slipway endpoint client ${name} --language typescript`,
        };
        output.result(result, () => told(result, shape));
        if (target.version.gate?.passed === false)
          output.note(
            `Version ${target.version.number} did not pass the gate of its model: \`slipway model gates ${target.version.model}\` says why.`,
          );
      }),
    );
}

interface Done {
  readonly traffic: Deployment['traffic'];
  readonly deployment?: string;
  readonly rollout?: string;
  /** It was there before: nothing was done. */
  readonly isSame: boolean;
}

async function deploy({ client }: Session, { endpoint, version }: Target, flags: Flags): Promise<Done> {
  const { name, deployment: current } = endpoint;
  const params = { endpoint: name };
  if (flags.canary === true) {
    if (current === undefined)
      throw usage(
        `endpoint ${name} serves nothing yet, so there is nothing to compare with: deploy without --canary first`,
      );
    const rollout: Rollout = await client.rollouts.start({ params, body: { candidate: version.number } });
    const now = await client.endpoints.get({ params });
    return { traffic: now.deployment?.traffic ?? [], rollout: rollout.id, isSame: false };
  }
  if (endpoint.runningRollout !== undefined)
    throw new CommandFailure(
      'failed',
      `endpoint ${name} has a rollout running (${endpoint.runningRollout}), whose judge decides on the traffic: \`slipway endpoint rollback\` or \`slipway endpoint cancel\` ends it`,
    );
  const wanted = sharesOf(endpoint, version, flags.percent);
  if (current !== undefined && current.shadow === undefined && isSameTraffic(current.traffic, wanted))
    return { traffic: current.traffic, deployment: current.id, isSame: true };
  const made = await client.endpoints.deploy({ params, body: { traffic: wanted, reason: flags.reason } });
  return { traffic: made.traffic, deployment: made.id, isSame: false };
}

/** The others keep what is left, as they share the traffic now. */
function sharesOf(
  { name, deployment }: Endpoint,
  { number, model }: ModelVersion,
  percent = 100,
): { version: number; percent: number }[] {
  const others = (deployment?.traffic ?? []).filter((share) => share.version !== number && share.percent > 0);
  if (percent < 100 && others.length === 0)
    throw usage(
      `no other version takes the remaining ${100 - percent} % of endpoint ${name}: leave --percent out, and ${model}/${number} takes all`,
    );
  const sum = others.reduce((n, share) => n + share.percent, 0);
  const rest = others.map((share) => ({ version: share.version, percent: (share.percent / sum) * (100 - percent) }));
  return [{ version: number, percent }, ...rest].filter((share) => share.percent > 0);
}

const isSameTraffic = (a: Deployment['traffic'], b: Deployment['traffic']): boolean =>
  a.length === b.length &&
  a.every(({ version, percent }) =>
    b.some((share) => share.version === version && Math.abs(share.percent - percent) < 1e-9),
  );

type Answered = Trial['answers'][number];

/** A version that cannot score the row is said now, and not by the first caller. */
async function tryRow(
  { client }: Session,
  { endpoint, sample }: EndpointInterface,
  version: number,
): Promise<Answered> {
  const { inputs, at } = sample;
  const trial = await client.endpoints.try({
    params: { endpoint },
    body: { inputs, ...(at === undefined ? {} : { at }) },
  });
  const answer = trial.answers.find((one) => one.version === version);
  if (answer?.problem === undefined && answer !== undefined) return answer;
  throw new CommandFailure(
    'failed',
    `version ${version} is deployed to ${endpoint} and cannot score ${JSON.stringify(inputs)}: ${answer?.problem ?? 'it is not loaded'}. \`slipway endpoint deployments ${endpoint}\` shows what was there before`,
  );
}

/** Pasted as it stands it works: the values are those that were tried. */
export function curlOf(
  { url, hasToken }: Pick<Session, 'url' | 'hasToken'>,
  { endpoint, sample }: EndpointInterface,
): string {
  const { inputs, at } = sample;
  const body = { instances: [{ ...(at === undefined ? {} : { at }), inputs }] };
  return [
    `curl -X POST '${url.replace(/\/+$/, '')}/api/endpoints/${encodeURIComponent(endpoint)}/predict' \\`,
    "  -H 'content-type: application/json' \\",
    ...(hasToken ? ['  -H "authorization: Bearer $SLIPWAY_TOKEN" \\'] : []),
    `  -d '${JSON.stringify(body).replaceAll("'", String.raw`'\''`)}'`,
  ].join('\n');
}

interface Result extends Done {
  readonly endpoint: string;
  readonly model: string;
  readonly version: number;
  readonly answer: Answered;
  readonly curl: string;
  readonly form: string;
  readonly openapi: string;
}

function told(result: Result, { sample, answer }: EndpointInterface): string {
  const { endpoint, model, version } = result;
  const what = `${model}/${version}`;
  const head =
    result.rollout !== undefined
      ? `${what} may replace what ${endpoint} serves: rollout ${result.rollout} judges it (${traffic(result.traffic)})`
      : result.isSame
        ? `${endpoint} serves ${what} already: ${traffic(result.traffic)}`
        : `${endpoint} serves ${what}: ${traffic(result.traffic)}`;
  const from = {
    prediction: 'inputs of the newest prediction',
    dataset: `a row of ${sample.source ?? 'its data'}`,
    types: 'a made-up row',
  };
  const { label, score } = result.answer;
  const of = answer.kind === 'probability' && answer.of !== undefined ? ` for ${answer.of}` : '';
  const tried = `It answers ${label === undefined ? '' : `${label}, `}${score?.toPrecision(6) ?? 'no score'}${of} to ${from[sample.from]} (tried, not logged).`;
  return [
    paint('bold', head),
    tried,
    '',
    result.curl,
    '',
    `form      ${result.form}`,
    `openapi   ${result.openapi}`,
    `clients   slipway endpoint client ${endpoint} --language typescript|python|openapi`,
    `outcomes  give each row an "id", then: slipway labels push ${endpoint} outcomes.csv --id COLUMN`,
  ].join('\n');
}
