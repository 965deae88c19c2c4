/** Two versions on the same labelled predictions of an endpoint. */
import type { VersionSegments } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, usage } from '../arguments.ts';
import { action } from '../command.ts';
import { table } from '../output.ts';

interface CompareFlags {
  readonly against: number;
  readonly by?: string | true;
}

function numberOf(typed: string): number {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw usage(`"${typed.slice(0, 40)}" is no number of a version: slipway model versions MODEL lists them`);
}

export function compare(endpoint: Command): void {
  endpoint
    .command('compare')
    .description('Is a version better than another, on the labelled predictions that both scored, and where?')
    .argument('<endpoint>', '', nameOf('endpoint'))
    .argument('<challenger>', 'number of a version', numberOf)
    .requiredOption('--against <version>', 'number of the version it is compared with', numberOf)
    .option('--by [text]', 'by the values of a text of the requests; the one with the fewest unless said')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint compare flight-delay 2 --against 1\n  slipway endpoint compare flight-delay 2 --against 1 --by origin\n',
    )
    .action(
      action(async ({ client, output }, name: string, challenger: number, flags: CompareFlags) => {
        const params = { endpoint: name };
        const { labelWatermarkAt, createdAt } = await client.endpoints.get({ params });
        const query = { champion: flags.against, challenger, from: 0, to: labelWatermarkAt ?? createdAt };
        if (flags.by === undefined) {
          const found = await client.monitoring.compare({ params, query });
          return output.result(found, () => [found.sentence, ...found.warnings.map((w) => `Mind: ${w}.`)].join('\n'));
        }
        const by = flags.by === true ? {} : { by: flags.by };
        const found = await client.monitoring.segments({ params, query: { ...query, ...by } });
        output.result(found, () => drawSegments(found));
      }),
    );
}

function drawSegments({ all, segments, by, level }: VersionSegments): string {
  const row = (name: string, one: VersionSegments['all']): string[] => {
    const { dAuc } = one;
    const ends = dAuc === undefined || dAuc.low === null || dAuc.high === null ? undefined : [dAuc.low, dAuc.high];
    return [
      name,
      String(one.count),
      dAuc === undefined ? 'too few rows' : dAuc.value.toFixed(4),
      ends === undefined ? '-' : ends.map((end) => end.toFixed(4)).join(' to '),
    ];
  };
  const rows = [row('all', all), ...segments.map((one) => row(one.value ?? 'not set', one))];
  const drawn = table([(by ?? 'segment').toUpperCase(), 'PAIRS', 'AUC GAIN', 'INTERVAL'], rows);
  const note = `Intervals of segments are ${(100 * level).toFixed(1)} % each, 95 % for all of them together.`;
  return segments.length === 0 ? `${drawn}\nNo text of the requests splits them.` : `${drawn}\n${note}`;
}
