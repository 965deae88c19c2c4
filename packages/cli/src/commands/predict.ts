import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Instance } from '@slipway/contract';
import type { Command } from 'commander';
import { z } from 'zod';
import { action, CommandFailure } from '../command.ts';
import { table } from '../output.ts';

export function register(program: Command): void {
  program
    .command('predict')
    .description('Ask an endpoint for predictions')
    .argument('<endpoint>')
    .option('--input <name=value...>', 'one instance; values are JSON, or text')
    .option('--file <path>', 'a JSON array of instances, or "-" for standard input')
    .option('--at <instant>', 'event time of the instance; now unless said')
    .addHelpText(
      'after',
      `\nExamples:\n  slipway predict flight-delay --input origin=JFK dest=LAX carrier=AA flight=1 sched_dep='"2013-07-01T13:00:00Z"' block=370 miles=2475\n  slipway predict flight-delay --file instances.json\n`,
    )
    .action(
      action(
        async ({ client, output }, endpoint: string, options: { input?: string[]; file?: string; at?: string }) => {
          const instances = await instancesOf(options);
          const { predictions } = await client.endpoints.predict({ params: { endpoint }, body: { instances } });
          output.result(predictions, () =>
            table(
              ['PREDICTION', 'SCORE', 'VERSION'],
              predictions.map((p) => [p.id, String(p.score), String(p.version)]),
            ),
          );
        },
      ),
    );
}

async function instancesOf(options: { input?: string[]; file?: string; at?: string }): Promise<Instance[]> {
  if (options.file !== undefined) {
    const body = options.file === '-' ? await text(process.stdin) : await readFile(options.file, 'utf8');
    const parsed = z.array(Instance).safeParse(JSON.parse(body));
    if (!parsed.success)
      throw new CommandFailure('usage', `${options.file} is no array of instances: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }
  if (options.input === undefined)
    throw new CommandFailure('usage', 'name the inputs with --input name=value, or a file with --file');
  const inputs = Object.fromEntries(
    options.input.map((pair): [string, unknown] => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CommandFailure('usage', `"${pair}" is not name=value`);
      return [pair.slice(0, at), valueOf(pair.slice(at + 1))];
    }),
  );
  const at = options.at === undefined ? undefined : Date.parse(options.at);
  if (at !== undefined && Number.isNaN(at))
    throw new CommandFailure('usage', `--at "${options.at}" is no instant; write 2013-07-01T13:00:00Z`);
  return [Instance.parse({ inputs, ...(at === undefined ? {} : { at }) })];
}

function valueOf(textValue: string): unknown {
  try {
    return JSON.parse(textValue) as unknown;
  } catch {
    return textValue;
  }
}
