import type { Command } from 'commander';
import { action, wholeNumber } from '../command.ts';
import { instant, paint, table } from '../output.ts';

export function register(program: Command): void {
  const run = program.command('run').description('Tracked runs: parameters, metrics, artifacts');
  run
    .command('list')
    .description('Runs, newest first')
    .option('--experiment <name>')
    .option('--filter <text>', `such as "metrics.auc > 0.7 and params.rounds = '150'"`)
    .option('--order-by <text>', 'such as "metrics.auc desc"')
    .option('--limit <n>', 'how many', wholeNumber('--limit', { min: 1, max: 1000 }), 30)
    .action(
      action(
        async (
          { client, output },
          query: { experiment?: string; filter?: string; orderBy?: string; limit: number },
        ) => {
          const answer = await client.runs.list({ query });
          output.result(answer, () => {
            if (answer.items.length === 0) return 'No runs match.';
            return table(
              ['RUN', 'NAME', 'STATUS', 'STARTED'],
              answer.items.map((r) => [r.id, r.name, r.status, instant(r.startedAt)]),
            );
          });
        },
      ),
    );
  run
    .command('show')
    .description('One run with its parameters and latest metrics')
    .argument('<run>')
    .action(
      action(async ({ client, output }, id: string) => {
        const found = await client.runs.get({ params: { run: id } });
        output.result(found, () => {
          const params = Object.entries(found.params).map(([k, v]) => [k, v]);
          const metrics = found.metrics.map((m) => [m.key, String(m.value), String(m.step)]);
          return `${paint('bold', found.id)} ${found.name} ${found.status}\n\n${table(['PARAMETER', 'VALUE'], params)}\n\n${table(['METRIC', 'VALUE', 'STEP'], metrics)}`;
        });
      }),
    );
}
