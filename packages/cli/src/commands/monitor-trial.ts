/** `slipway monitor backtest` and the verbs of silences. */
import type { Backtest, MonitorSettings, Silence } from '@slipway/contract';
import { Duration } from '@slipway/contract';
import type { Command } from 'commander';
import { Option } from 'commander';
import { idOf, instantOf, nameOf, realNumber, usage, wholeNumber } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { count, instant, paint, table } from '../output.ts';

const monitorName = nameOf('monitor');
const longTimeoutMs = 120_000;

function durationOf(option: string): (typed: string) => number {
  return (typed) => {
    const parsed = Duration.safeParse(typed);
    if (parsed.success) return parsed.data;
    throw usage(
      `${option} "${typed.slice(0, 40)}" is no length of time: write a number with a unit, such as 90s, 24h, 7d`,
    );
  };
}

export function trial(monitor: Command): void {
  const gap = (name: string) => realNumber(name, { min: 0, max: 1 });
  const z = (name: string) => realNumber(name, { min: 0, max: 1000 });
  monitor
    .command('backtest')
    .description('What the monitor would have said with other settings, over the predictions logged; keeps nothing')
    .argument('<monitor>', '', monitorName)
    .addOption(new Option('--window <window>', 'length of a window').choices(['hour', 'day', 'week', 'month']))
    .option('--zone <zone>', 'IANA time zone in which windows begin')
    .option('--label-grace <duration>', 'wait for outcomes this long', durationOf('--label-grace'))
    .option('--labelled-min <n>', 'fewest outcomes to judge by', wholeNumber('--labelled-min', { min: 20, max: 1e9 }))
    .option('--alert-gap <gap>', 'smallest gap of an alert', gap('--alert-gap'))
    .option('--alert-z <z>', 'smallest |z| of an alert', z('--alert-z'))
    .option('--warning-gap <gap>', 'smallest gap of a warning', gap('--warning-gap'))
    .option('--warning-z <z>', 'smallest |z| of a warning', z('--warning-z'))
    .addOption(new Option('--drift-warns <answer>', 'whether a drifted column is a warning').choices(['yes', 'no']))
    .option('--from <instant>', 'event time', instantOf('--from'))
    .option('--to <instant>', 'event time', instantOf('--to'))
    .addHelpText(
      'after',
      '\nExamples:\n  slipway monitor backtest flight-delay-weekly --window day\n  slipway monitor backtest flight-delay-weekly --alert-gap 0.1 --warning-gap 0.08\n',
    )
    .action(
      action(async ({ client, output }, name: string, query: MonitorSettings) => {
        output.progress(`judging ${name} again`);
        const found = await client.monitors.backtest(
          { params: { monitor: name }, query },
          { timeoutMs: longTimeoutMs },
        );
        output.result(found, () => backtestText(found));
      }),
    );
}

function backtestText({ windows, alerts, really, nextFrom }: Backtest): string {
  if (windows.length === 0) return 'No window has complete outcomes in that time.';
  const rows = windows.map((w) => [
    instant(w.from),
    w.verdict,
    w.really ?? '-',
    `${(w.coverage * 100).toFixed(1)} %`,
    w.calibration === undefined ? '-' : w.calibration.gap.toFixed(3),
    w.drifted.join(' ') || '-',
  ]);
  const would = alerts.map(
    (a) =>
      `  ${paint(a.severity === 'alert' ? 'red' : 'yellow', a.severity)} from ${instant(a.openedAt)}, ${count(a.windows, 'window')}${a.resolvedAt === undefined ? '' : `, resolved ${instant(a.resolvedAt)}`}`,
  );
  const more =
    nextFrom === undefined ? [] : [`There are more windows: --from ${new Date(nextFrom).toISOString()} goes on.`];
  return [
    table(['FROM', 'WOULD SAY', 'SAID', 'LABELLED', 'GAP', 'DRIFTED'], rows),
    '',
    `${count(alerts.length, 'alert')} would have been raised; ${really.length} really ${really.length === 1 ? 'was' : 'were'}.`,
    ...would,
    ...more,
  ].join('\n');
}

const silenceText = (s: Silence): string =>
  `${s.id}: ${s.alert ?? `monitor ${s.monitor}`} is silent until ${instant(s.until)}; its alerts are recorded and trigger no policy`;

export function silences(monitor: Command): void {
  monitor
    .command('silence')
    .description('Let the alerts of a monitor, or one of them, trigger no policy for a while')
    .argument('<monitor>', '', monitorName)
    .option('--for <duration>', 'how long: 90s, 8h, 3d', durationOf('--for'))
    .option('--until <instant>', 'wall time', instantOf('--until'))
    .requiredOption('--reason <text>', 'why, for the ledger')
    .option('--alert <alert>', 'only this alert', idOf('alert'))
    .addHelpText(
      'after',
      '\nExample:\n  slipway monitor silence flight-delay-weekly --for 8h --reason "airport closed"\n',
    )
    .action(
      action(
        async (
          { client, output },
          name: string,
          flags: { for?: number; until?: number; reason: string; alert?: string },
        ) => {
          if ((flags.for === undefined) === (flags.until === undefined)) throw usage('give one of --for and --until');
          const until = flags.until ?? Date.now() + (flags.for ?? 0);
          const { reason, alert } = flags;
          const body = { until, reason, ...(alert === undefined ? {} : { alert }) };
          const made = await client.silences.create({ params: { monitor: name }, body });
          output.result(made, () => silenceText(made));
        },
      ),
    );
  monitor
    .command('end-silence')
    .description('End a silence before its time')
    .argument('<silence>', '', idOf('silence'))
    .addHelpText('after', '\nExample:\n  slipway monitor end-silence sil_01m7z8…\n')
    .action(
      action(async ({ client, output }, silence: string) => {
        const ended = await client.silences.end({ params: { silence } });
        output.result(ended, () => `${ended.id} is over; the next bad window of ${ended.monitor} tells its policies`);
      }),
    );
  paged(
    monitor
      .command('silences')
      .description('The silences of a monitor, newest first')
      .argument('<monitor>', '', monitorName),
  )
    .addHelpText('after', '\nExample:\n  slipway monitor silences flight-delay-weekly\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.silences.list({ params: { monitor: name }, query: pageQuery(flags) });
        showPage(session, page, {
          head: ['SILENCE', 'OF', 'UNTIL', 'BY', 'ENDED', 'REASON'],
          empty: `Nothing of ${name} was ever silenced.`,
          row: (s) => [
            s.id,
            s.alert ?? 'the monitor',
            instant(s.until),
            s.createdBy,
            s.endedAt === undefined ? '-' : instant(s.endedAt),
            s.reason,
          ],
        });
      }),
    );
}
