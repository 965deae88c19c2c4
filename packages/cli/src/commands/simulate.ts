/** Replays rows that the model has not seen as traffic, so that one sees what monitors say of one's own data, and how an alert looks. */
import type { Alert, Monitor, MonitorWindow, Policy } from '@slipway/contract';
import { Duration } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, realNumber, usage, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { findEndpoint } from '../deployment-target.ts';
import { count, instant, paint, table } from '../output.ts';
import type { SimulationPlan } from '../simulation/project.ts';
import { declareSimulation, deploySimulation, destroySimulation, keptMs, simulationOf } from '../simulation/project.ts';
import { judgedWindows, policiesActed, replay } from '../simulation/replay.ts';
import { readFeatureRows } from '../simulation/feature-rows.ts';
import type { HeldRows } from '../simulation/rows.ts';
import { readHeldRows } from '../simulation/rows.ts';
import type { Schedule } from '../simulation/schedule.ts';
import { scheduleRows } from '../simulation/schedule.ts';
import type { Shift } from '../simulation/shift.ts';
import { applyShifts, fitShifts, shiftOf } from '../simulation/shift.ts';

interface Flags {
  readonly endpoint?: string;
  readonly rows?: string;
  readonly label?: string;
  readonly at?: string;
  readonly rate?: number;
  readonly speed?: number;
  readonly shift?: readonly string[];
  readonly labelsAfter?: number;
  readonly limit: number;
  readonly keep?: boolean;
  readonly withPolicies?: boolean;
}

const rowsMax = 100_000;
const labelsAfterDefaultMs = 86_400_000;

function durationOf(typed: string): number {
  const parsed = Duration.safeParse(typed);
  if (parsed.success) return parsed.data;
  throw usage(
    `--labels-after "${typed.slice(0, 40)}" is no length of time: write a number with a unit, such as 90s, 24h, 7d`,
  );
}

export function register(program: Command): void {
  program
    .command('simulate')
    .description('Replay rows that the model has not seen as traffic with outcomes, and say what the monitors judge')
    .option(
      '--endpoint <name>',
      'which one to imitate; the one of the project in this folder unless said',
      nameOf('endpoint'),
    )
    .option('--rows <file>', 'a file or a dataset (customers@2); what the pipeline held out unless said')
    .option('--label <column>', 'the outcomes of --rows; what the model predicts unless said')
    .option('--at <column>', 'when each of --rows happened')
    .option('--shift <change...>', 'in the second half: column=+20%, =-3, =null, =shuffle, or =value')
    .option(
      '--labels-after <duration>',
      'outcomes come so much later; a day, or when the rows of a feature service say, unless said',
      durationOf,
    )
    .option(
      '--rate <n>',
      'rows a second; as fast as the server answers unless said',
      realNumber('--rate', { min: 0.01, max: 1e6 }),
    )
    .option(
      '--speed <times>',
      'event time passes so many times as fast as real time',
      realNumber('--speed', { min: 1, max: 1e12 }),
    )
    .option('--limit <n>', 'rows at most', wholeNumber('--limit', { min: 1, max: rowsMax }), 20_000)
    .option('--keep', 'leave the simulation a week for a look in the console; `slipway destroy` removes it')
    .option('--with-policies', 'copies of the policies act on it, really: they train and roll out')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway simulate\n  slipway simulate --shift monthly_fee=+50%\n  slipway simulate --shift plan=null --shift age=shuffle --keep\n  slipway simulate --endpoint churn --rows customers@2 --label churned --at signed_up_on --labels-after 7d\nThe rows go to an endpoint of their own beside the real one, with copies of its monitors: nothing reaches the real log, and no policy acts. At the end it is taken out of use, and its log, labels and windows go with it; the ledger keeps that it was there.\nWhere features come from a service, its rows (--rows takes a version of their dataset, or a file with the inputs of a request) keep their times, and see what was known then.\n',
    )
    .action(action(simulate));
}

async function simulate(session: Session, flags: Flags): Promise<void> {
  const { client, output } = session;
  const plan = await planOf(session, flags);
  const simulation = simulationOf(plan, Date.now());
  session.undo(() => destroySimulation(client, simulation));
  session.leaves(`the simulation ${simulation.name} is taken out of use`);
  const headSeq = plan.policies.length === 0 ? 0 : (await client.ledger.list({ query: { limit: 1 } })).headSeq;
  const declared = await declareSimulation(client, plan, simulation);
  let result: Result;
  let isKept = false;
  try {
    await deploySimulation(client, plan, simulation);
    if (!output.json)
      output.note(`Replaying ${count(plan.schedule.events.length, 'request')} through endpoint ${simulation.name}`);
    await replay(session, plan, simulation);
    const monitors: Judged[] = [];
    for (const [monitor, copy] of simulation.copies) {
      const windows = await judgedWindows(session, copy, plan.schedule);
      const alerts = (await client.alerts.list({ query: { monitor: copy, limit: 1000 } })).items.toReversed();
      monitors.push({ monitor, windows, alerts });
    }
    await policiesActed(session, simulation, headSeq);
    result = {
      endpoint: plan.endpoint.name,
      simulation: simulation.name,
      version: plan.version,
      rows: plan.rows.words,
      replayed: plan.schedule.events.length,
      layout: plan.schedule.layout,
      shift: plan.shifts.map(({ words }) => words),
      shiftFrom: plan.shifts.length === 0 ? undefined : plan.schedule.shiftFrom,
      policies: plan.policies.map(({ name }) => name),
      monitors,
      isKept: flags.keep === true,
    };
    if (flags.keep === true) {
      await declared.keep();
      isKept = true;
    }
  } finally {
    if (!isKept && !session.signal.aborted) await declared.destroy();
  }
  output.endProgress();
  output.result(result, () => told(result));
  if (result.isKept && !output.json)
    output.note(
      `Kept for ${keptMs / 86_400_000} days: ${session.url.replace(/\/+$/, '')}/w/default/endpoints/${simulation.name}. \`slipway destroy ${simulation.name} --yes\` removes it.`,
    );
}

type Planned = SimulationPlan & { readonly shifts: readonly Shift[] };

async function planOf({ client, output }: Session, flags: Flags): Promise<Planned> {
  const asked = (flags.shift ?? []).map(shiftOf);
  const endpoint = await findEndpoint(client, undefined, flags.endpoint);
  const version = endpoint.deployment?.traffic.toSorted((a, b) => b.percent - a.percent)[0]?.version;
  if (version === undefined)
    throw new CommandFailure(
      'failed',
      `endpoint ${endpoint.name} serves nothing yet: \`slipway deploy --endpoint ${endpoint.name}\` puts a version behind it`,
    );
  const params = { endpoint: endpoint.name };
  const shape = await client.endpoints.interface({ params });
  const shifts = fitShifts(asked, shape.inputs);
  const monitors = await monitorsOf(client, endpoint.name);
  const registered = await client.models.getVersion({
    params: { model: endpoint.spec.model, version: String(version) },
  });
  output.progress('reading the rows');
  const { rows: from, label, at, limit } = flags;
  const wanted = { from, label, at, limit };
  const { rows, features } = shape.usesFeatures
    ? await readFeatureRows(client, { endpoint, version: registered, shape }, wanted)
    : { rows: await readHeldRows(client, { version: registered, shape }, wanted), features: undefined };
  const schedule = scheduleRows({
    times: rows.times,
    rowCount: rows.inputs.length,
    window: longest(monitors),
    labelledMin: Math.max(...monitors.map(({ spec }) => spec.labelledMin)),
    keepsTimes: features !== undefined,
    now: Date.now(),
  });
  if (shifts.length > 0 && schedule.edges.length <= 2)
    throw usage(
      `${rows.words}: they lie in one ${longest(monitors)} and keep their times, so nothing would stay unshifted. Bring more with --rows or --limit, or leave --shift out`,
    );
  const before = schedule.events.findIndex(({ at: time }) => time >= schedule.shiftFrom);
  const plain = schedule.events.map(({ row }) => rows.inputs[row] ?? {});
  const inputs = [...plain.slice(0, before), ...applyShifts(plain.slice(before), shifts)];
  const policies = flags.withPolicies === true ? await policiesOf(client, endpoint.name, monitors) : [];
  const { rate, speed } = flags;
  const { labelsKnownAt: _, ...undated } = rows;
  // What somebody says of the outcomes goes before what the data say.
  const delayed = flags.labelsAfter === undefined ? rows : undated;
  const labelsAfterMs = flags.labelsAfter ?? longestDelay(rows) ?? labelsAfterDefaultMs;
  return {
    endpoint,
    version,
    monitors,
    policies,
    rows: delayed,
    features,
    inputs,
    schedule,
    labelsAfterMs,
    rate,
    speed,
    shifts,
  };
}

/** Of the outcomes whose time is known; undefined where none is. */
function longestDelay({ labelsKnownAt, times }: HeldRows): number | undefined {
  const delays = (labelsKnownAt ?? []).flatMap((known, row) =>
    known === undefined ? [] : [known - (times?.[row] ?? known)],
  );
  return delays.length === 0
    ? undefined
    : Math.max(
        0,
        delays.reduce((a, b) => Math.max(a, b)),
      );
}

async function monitorsOf(client: Session['client'], endpoint: string): Promise<readonly Monitor[]> {
  const { items } = await client.monitors.list({ query: { limit: 1000 } });
  const found = items.filter((monitor) => monitor.endpoint === endpoint && monitor.retiredAt === undefined);
  if (found.length > 0) return found;
  throw new CommandFailure(
    'notFound',
    `no monitor watches endpoint ${endpoint}: add \`monitors: { ${endpoint}-weekly: { endpoint: ${endpoint} } }\` to slipway.yaml, run \`slipway apply\`, then simulate again`,
  );
}

const windowOrder = ['hour', 'day', 'week', 'month'] as const;
const longest = (monitors: readonly Monitor[]) =>
  windowOrder.findLast((window) => monitors.some(({ spec }) => spec.window === window)) ?? 'week';

/** Those that name the endpoint or one of its monitors. */
async function policiesOf(
  client: Session['client'],
  endpoint: string,
  monitors: readonly Monitor[],
): Promise<readonly Policy[]> {
  const names = new Set<unknown>([endpoint, ...monitors.map(({ name }) => name)]);
  const { items } = await client.policies.list({ query: { limit: 1000 } });
  return items.filter(
    ({ retiredAt, spec }) => retiredAt === undefined && Object.values(spec.where).some((value) => names.has(value)),
  );
}

interface Judged {
  readonly monitor: string;
  readonly windows: readonly MonitorWindow[];
  readonly alerts: readonly Alert[];
}

interface Result {
  readonly endpoint: string;
  readonly simulation: string;
  readonly version: number;
  readonly rows: string;
  readonly replayed: number;
  readonly layout: Schedule['layout'];
  readonly shift: readonly string[];
  readonly shiftFrom: number | undefined;
  readonly policies: readonly string[];
  readonly monitors: readonly Judged[];
  readonly isKept: boolean;
}

function told(result: Result): string {
  const { endpoint, version, rows, replayed, layout, shift, shiftFrom, monitors, policies } = result;
  const laid =
    layout.kind === 'own'
      ? 'at their own times'
      : `laid out over whole windows, for ${layout.hadTimes ? 'their own times would leave too few outcomes in each' : 'they have no time, and mixed'}${layout.repeats > 1 ? `; each comes up to ${layout.repeats} times` : ''}`;
  const lines = [
    paint('bold', `${endpoint}, version ${version}: ${count(replayed, 'request')} from ${rows}, ${laid}`),
    shiftFrom === undefined
      ? 'Nothing was shifted: this is how ordinary weeks look.'
      : `From ${instant(shiftFrom)} on: ${shift.join(', ')}.`,
  ];
  for (const judged of monitors) lines.push('', ...monitorLines(judged, shiftFrom));
  lines.push(
    '',
    policies.length === 0
      ? 'No policy acted: those of the project overlook simulations.'
      : `Copies of these policies were in force: ${policies.join(', ')}.`,
  );
  return lines.join('\n');
}

function monitorLines({ monitor, windows, alerts }: Judged, shiftFrom: number | undefined): string[] {
  const rows = windows.map((w) => [
    instant(w.from),
    shiftFrom !== undefined && w.from >= shiftFrom ? 'shifted' : 'as it is',
    painted(w.verdict),
    String(w.labelled),
    (w.calibration ?? w.numbers)?.gap.toFixed(3) ?? '-',
    qualityOf(w),
    w.drift
      .filter(({ status }) => status === 'drift')
      .map(({ name }) => name)
      .join(' ') || '-',
  ]);
  const sentences = alerts.map((alert) => `  ${painted(alert.severity)} ${alert.sentence}`);
  return [
    table([monitor.toUpperCase(), 'ROWS', 'VERDICT', 'OUTCOMES', 'GAP', 'QUALITY', 'DRIFTED'], rows),
    verdictSentence(windows, shiftFrom),
    ...sentences,
  ];
}

function qualityOf({ auc, accuracy, numbers }: MonitorWindow): string {
  if (auc !== undefined) return `AUC ${auc.value.toFixed(3)}`;
  if (accuracy !== undefined) return `right ${accuracy.value.toFixed(3)}`;
  return numbers === undefined ? '-' : `RMSE ${numbers.rmse.value.toPrecision(4)}`;
}

const painted = (verdict: string): string =>
  verdict === 'alert'
    ? paint('red', verdict)
    : verdict === 'warning'
      ? paint('yellow', verdict)
      : verdict === 'ok'
        ? 'ordinary'
        : 'too few outcomes';

const verdictWords = {
  ok: ['ordinary', 'ordinary'],
  warning: ['a warning', 'warnings'],
  alert: ['an alert', 'alerts'],
  'too-few-labels': ['without enough outcomes', 'without enough outcomes'],
} as const;

function verdictSentence(windows: readonly MonitorWindow[], shiftFrom: number | undefined): string {
  const of = (part: readonly MonitorWindow[]): string => {
    const words = (['ok', 'warning', 'alert', 'too-few-labels'] as const).flatMap((verdict) => {
      const n = part.filter((w) => w.verdict === verdict).length;
      return n === 0 ? [] : [`${n} ${verdictWords[verdict][n === 1 ? 0 : 1]}`];
    });
    return `${count(part.length, 'window')}: ${words.join(', ')}`;
  };
  if (shiftFrom === undefined) return `As it is, ${of(windows)}.`;
  const plain = windows.filter((w) => w.from < shiftFrom);
  const shifted = windows.filter((w) => w.from >= shiftFrom);
  return `As it is, ${of(plain)}. Shifted, ${of(shifted)}.`;
}
