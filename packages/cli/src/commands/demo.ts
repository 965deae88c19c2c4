import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Demo } from '../demo/demo.ts';
import { CommandFailure, report, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { createOutput, paint } from '../output.ts';
import { untilStopped } from './up.ts';

interface DemoFlags {
  readonly exit?: boolean;
  readonly dir?: string;
  readonly port: number;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('The main job on real data: train, gate, serve, watch, retrain, roll out, roll back, explain')
    .option('--exit', 'end the server when the demo is over')
    .option('--dir <folder>', 'keep the workspace here; it must be empty or not exist yet')
    .option(
      '--port <port>',
      'port of the server; 0 takes a free one',
      wholeNumber('--port', { min: 0, max: 65_535 }),
      0,
    )
    .addHelpText('after', '\nExamples:\n  slipway demo\n  slipway demo --exit --json > record.json\n')
    .action(async (flags: DemoFlags, command: Command) => {
      const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
      const output = createOutput({ json });
      // From here on Ctrl-C must stop the server cleanly, also in the middle of a stage.
      const stopped = untilStopped();
      let demo: Demo | undefined;
      try {
        if (flags.dir !== undefined) mustBeEmpty(flags.dir);
        const { startDemo } = await import('../demo/demo.ts');
        demo = await startDemo({ project: exampleFolder(), dir: flags.dir, port: flags.port, json });
        const record = await Promise.race([demo.play(), stopped.then(() => undefined)]);
        if (record === undefined) {
          process.exitCode = exitCodes.interrupted.code;
          output.note('\nstopping…');
        } else {
          if (json) output.result(record, () => '');
          if (flags.exit !== true) {
            output.note(`\nThe server goes on at ${paint('bold', demo.url)}   (Ctrl-C stops it)`);
            await stopped;
            output.note('stopping…');
          }
        }
      } catch (error) {
        process.exitCode = exitCodes[report(error, output)].code;
      }
      await demo?.stop();
      process.exit();
    });
}

/** On what an earlier demo left, every stage would find its work done and fail somewhere in the middle. */
function mustBeEmpty(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  throw new CommandFailure(
    'usage',
    `${folder} is not empty, and the demo begins with an empty folder: choose another one. To look at what an earlier demo left there: slipway up --dir ${folder}`,
  );
}

/** The example travels with the package, and lies at the root of the repository. */
function exampleFolder(): string {
  const candidates = ['../../../../examples/flights', '../examples/flights', '../../examples/flights'].map((path) =>
    join(import.meta.dirname, path),
  );
  const found = candidates.find((path) => existsSync(join(path, 'slipway.yaml')));
  if (found === undefined)
    throw new CommandFailure('failed', `examples/flights is missing; looked in ${candidates.join(', ')}`);
  return found;
}
