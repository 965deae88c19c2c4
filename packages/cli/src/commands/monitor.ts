import type { ColumnDriftRow, MonitorWindow } from '@slipway/contract';
import type { Command } from 'commander';
import { Option } from 'commander';
import { idOf, instantOf, nameOf, usage } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, paint } from '../output.ts';
import { silences, trial } from './monitor-trial.ts';

const monitorName = nameOf('monitor');

export function register(program: Command): void {
  const monitor = program.command('monitor').description('Monitors: judged windows, drift, alerts');
  lists(monitor);
  evaluate(monitor);
  alerts(monitor);
  trial(monitor);
  silences(monitor);
}

function lists(monitor: Command): void {
  paged(monitor.command('list').description('The monitors'))
    .addHelpText('after', '\nExample:\n  slipway monitor list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.monitors.list({ query: pageQuery(flags) }), {
          head: ['MONITOR', 'ENDPOINT', 'WINDOW', 'LABELS COMPLETE TO'],
          empty: 'No monitors yet. slipway.yaml declares them; `slipway apply` brings them here.',
          row: (m) => [
            m.name,
            m.endpoint,
            `${m.spec.window} (${m.spec.zone})`,
            m.retiredAt !== undefined
              ? 'retired'
              : m.labelWatermarkAt === undefined
                ? '-'
                : instant(m.labelWatermarkAt),
          ],
        });
      }),
    );
  paged(
    monitor
      .command('windows')
      .description('The windows that a monitor judged, newest first')
      .argument('<monitor>', '', monitorName),
  )
    .addHelpText('after', '\nExample:\n  slipway monitor windows flight-delay-weekly --limit 4\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.monitors.windows({ params: { monitor: name }, query: pageQuery(flags) });
        showPage(session, page, {
          ...windowColumns,
          empty:
            'No window is judged yet: labels must be complete beyond its end and the grace after it. `slipway monitor list` shows how far they are.',
        });
      }),
    );
  paged(
    monitor
      .command('drift')
      .description('Every column of the newest judged window, the furthest from training first')
      .argument('<monitor>', '', monitorName),
    1,
  )
    .addHelpText('after', '\nExample:\n  slipway monitor drift flight-delay-weekly\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.monitors.windows({ params: { monitor: name }, query: pageQuery(flags) });
        const rows = page.items.flatMap((w) => (w.scoreDrift === undefined ? w.drift : [w.scoreDrift, ...w.drift]));
        showPage(
          session,
          { items: rows },
          {
            head: ['COLUMN', 'STATUS', 'PSI', 'THRESHOLD', 'MEAN', 'TRAINING MEAN', 'NULLS'],
            empty: 'No window is judged yet.',
            row: (c) => [
              c.name,
              c.status,
              c.psi.toFixed(3),
              c.threshold.toFixed(3),
              c.mean?.toPrecision(4) ?? (c.newShare === undefined ? '-' : newText(c)),
              c.referenceMean?.toPrecision(4) ?? '-',
              `${(c.nullShare * 100).toFixed(1)} %`,
            ],
          },
        );
      }),
    );
}

function evaluate(monitor: Command): void {
  monitor
    .command('evaluate')
    .description('Judge every window whose labels are complete; with a range, measure it and record nothing')
    .argument('<monitor>', '', monitorName)
    .option('--from <instant>', 'event time', instantOf('--from'))
    .option('--to <instant>', 'event time', instantOf('--to'))
    .addHelpText(
      'after',
      '\nExamples:\n  slipway monitor evaluate flight-delay-weekly\n  slipway monitor evaluate flight-delay-weekly --from 2013-04-01T04:00:00Z --to 2013-04-08T04:00:00Z\n',
    )
    .action(
      action(async (session, name: string, { from, to }: { from?: number; to?: number }) => {
        if ((from === undefined) !== (to === undefined)) throw usage('give both --from and --to, or neither');
        const body = from === undefined || to === undefined ? {} : { from, to };
        session.output.progress(`judging ${name}`);
        const answer = await session.client.monitors.evaluate(
          { params: { monitor: name }, body },
          { timeoutMs: 600_000 },
        );
        if (session.output.json) return session.output.result(answer, () => '');
        showPage(
          session,
          { items: answer.windows },
          {
            ...windowColumns,
            empty: 'No window is ready: labels must be complete beyond its end and the grace after it.',
          },
        );
      }),
    );
}

function alerts(monitor: Command): void {
  paged(monitor.command('alerts').description('Alerts, newest first'))
    .addOption(new Option('--state <state>', 'only these').choices(['open', 'acknowledged', 'resolved']))
    .option('--monitor <monitor>', 'only of this monitor', monitorName)
    .addHelpText('after', '\nExample:\n  slipway monitor alerts --state open\n')
    .action(
      action(async (session, flags: PageFlags & { state?: 'open' | 'acknowledged' | 'resolved'; monitor?: string }) => {
        const { state, monitor: name } = flags;
        const page = await session.client.alerts.list({ query: { ...pageQuery(flags), state, monitor: name } });
        showPage(session, page, {
          head: ['ALERT', 'MONITOR', 'SEVERITY', 'STATE', 'WINDOW TO', 'WHAT'],
          empty: `No ${state ?? ''} alerts.`.replace('  ', ' '),
          row: (a) => [
            a.id,
            a.monitor,
            paint(a.severity === 'alert' ? 'red' : 'yellow', a.severity),
            a.state,
            instant(a.windowTo),
            a.sentence,
          ],
        });
      }),
    );
  monitor
    .command('acknowledge')
    .description('Say that somebody looks after an alert')
    .argument('<alert>', '', idOf('alert'))
    .option('--note <text>', 'what is being done')
    .addHelpText('after', '\nExample:\n  slipway monitor acknowledge alt_01m7z8… --note "retraining"\n')
    .action(
      action(async ({ client, output }, alert: string, { note }: { note?: string }) => {
        const done = await client.alerts.acknowledge({ params: { alert }, body: note === undefined ? {} : { note } });
        output.result(done, () => `${done.id} is ${done.state}`);
      }),
    );
}

const colours = { ok: 'green', warning: 'yellow', alert: 'red', 'too-few-labels': 'dim' } as const;

const windowColumns = {
  head: ['FROM', 'TO', 'VERDICT', 'ROWS', 'LABELLED', 'GAP', 'Z', 'AUC', 'LOG LOSS', 'WHAT'],
  row: (w: MonitorWindow): readonly string[] => [
    instant(w.from),
    instant(w.to),
    paint(colours[w.verdict], w.verdict),
    w.count.toLocaleString('en-US'),
    `${(w.coverage * 100).toFixed(1)} %`,
    ...levelWords(w.calibration ?? w.numbers),
    w.auc?.value.toFixed(3) ?? '-',
    w.logLoss?.value.toFixed(3) ?? '-',
    w.sentence,
  ],
};

const levelWords = (level: { readonly gap: number; readonly z: number | null } | undefined): string[] =>
  level === undefined ? ['-', '-'] : [signed(level.gap), level.z?.toFixed(1) ?? '-'];

/** Text has no mean: what training never had is told in its place. */
const newText = ({ newShare, newValues = [] }: ColumnDriftRow): string =>
  typeof newShare !== 'number' || newShare === 0
    ? 'nothing new'
    : `${(newShare * 100).toFixed(1)} % new: ${newValues.map((v) => v.value.slice(0, 20)).join(' ')}`;

const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
