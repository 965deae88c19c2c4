import type { MonitorWindow } from '@slipway/contract';
import type { Command } from 'commander';
import { action } from '../command.ts';
import { instant, paint, table } from '../output.ts';

export function register(program: Command): void {
  const monitor = program.command('monitor').description('Monitors: judged windows, drift, alerts');
  monitor
    .command('list')
    .description('The monitors')
    .action(
      action(async ({ client, output }) => {
        const answer = await client.monitors.list({ query: { limit: 1000 } });
        output.result(answer, () => {
          if (answer.items.length === 0) return 'No monitors yet. slipway.yaml declares them.';
          return table(
            ['MONITOR', 'ENDPOINT', 'WINDOW', 'LABELS COMPLETE UP TO'],
            answer.items.map((m) => [
              m.name,
              m.endpoint,
              m.spec.window,
              m.labelWatermarkAt === undefined ? '-' : instant(m.labelWatermarkAt),
            ]),
          );
        });
      }),
    );
  monitor
    .command('windows')
    .description('The windows that a monitor judged, newest first')
    .argument('<monitor>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.monitors.windows({ params: { monitor: name }, query: { limit: 100 } });
        output.result(answer, () =>
          answer.items.length === 0
            ? 'No window is judged yet: labels must be complete beyond its end first.'
            : drawWindows(answer.items),
        );
      }),
    );
  monitor
    .command('evaluate')
    .description('Judge every window whose labels are complete')
    .argument('<monitor>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.monitors.evaluate({ params: { monitor: name }, body: {} }, { timeoutMs: 120_000 });
        output.result(answer, () =>
          answer.windows.length === 0 ? 'No window is ready.' : drawWindows(answer.windows),
        );
      }),
    );
  monitor
    .command('alerts')
    .description('Alerts, newest first')
    .option('--state <state>', 'open, acknowledged or resolved')
    .action(
      action(async ({ client, output }, options: { state?: 'open' | 'acknowledged' | 'resolved' }) => {
        const answer = await client.alerts.list({ query: { limit: 100, ...options } });
        output.result(answer, () =>
          answer.items.length === 0
            ? 'No alerts.'
            : table(
                ['ALERT', 'MONITOR', 'SEVERITY', 'STATE', 'WINDOW TO', 'WHAT'],
                answer.items.map((a) => [a.id, a.monitor, a.severity, a.state, instant(a.windowTo), a.sentence]),
              ),
        );
      }),
    );
  monitor
    .command('acknowledge')
    .description('Say that somebody looks after an alert')
    .argument('<alert>')
    .option('--note <text>')
    .action(
      action(async ({ client, output }, alert: string, { note }: { note?: string }) => {
        const done = await client.alerts.acknowledge({ params: { alert }, body: note === undefined ? {} : { note } });
        output.result(done, () => `${done.id} is ${done.state}`);
      }),
    );
}

const colours = { ok: 'green', warning: 'yellow', alert: 'red', 'too-few-labels': 'dim' } as const;

function drawWindows(windows: readonly MonitorWindow[]): string {
  const rows = windows.map((w) => [
    instant(w.from).slice(0, 10),
    paint(colours[w.verdict], w.verdict),
    String(w.count),
    `${(w.coverage * 100).toFixed(1)} %`,
    w.calibration === undefined ? '-' : signed(w.calibration.gap),
    w.calibration?.z?.toFixed(1) ?? '-',
    w.auc?.value.toFixed(3) ?? '-',
    w.logLoss?.value.toFixed(3) ?? '-',
    w.sentence,
  ]);
  return table(['FROM', 'VERDICT', 'ROWS', 'LABELLED', 'GAP', 'Z', 'AUC', 'LOG LOSS', 'WHAT'], rows);
}

const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
