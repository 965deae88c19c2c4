import type { Command } from 'commander';
import { report, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { createOutput, paint } from '../output.ts';

interface UpOptions {
  readonly dir?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly logLevel?: string;
}

/** How long running requests and steps get when the server is asked to stop. */
const stopGraceMs = 10_000;
/** A launcher passes on what a terminal sends to both: the same Ctrl-C may arrive twice, this close together. */
const sameSignalMs = 500;

export function register(program: Command): void {
  program
    .command('up')
    .description('Start the server on embedded parts (or on PostgreSQL with --database)')
    .option('--dir <folder>', 'where everything is kept (default .slipway)')
    .option('--host <host>', 'address to listen on (default 127.0.0.1)')
    .option(
      '--port <port>',
      'port to listen on; 0 takes a free one (default 7700)',
      wholeNumber('--port', { min: 0, max: 65_535 }),
    )
    .option('--database <url>', 'postgres://… instead of the embedded database')
    .option('--log-level <level>', 'debug, info, warn or error')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway up\n  slipway up --dir /var/lib/slipway --port 8080\n\nCtrl-C or SIGTERM lets running requests and steps end for 10 s, then exits with 0; a second one exits at once with 130.\n',
    )
    .action(async (options: UpOptions, command: Command) => {
      const output = createOutput({ json: command.optsWithGlobals<{ json?: boolean }>().json === true });
      try {
        const { boundHeap, readConfig, startServer } = await import('@slipway/server');
        const stopped = untilStopped();
        const starting = startServer(readConfig(options, process.env));
        const server = await Promise.race([starting, stopped]);
        // Nothing was promised to anybody yet, and a start survives being killed.
        if (server === undefined) process.exit(exitCodes.interrupted.code);
        boundHeap();
        output.result(
          { url: server.url, pid: process.pid },
          () => `${paint('green', 'Slipway is ready')} at ${paint('bold', server.url)}   (Ctrl-C stops it)`,
        );
        await stopped;
        output.note('stopping…');
        await server.stop(stopGraceMs);
        process.exit(exitCodes.ok.code);
      } catch (error) {
        process.exitCode = exitCodes[report(error, output)].code;
        // Worker threads of a half-started server would keep the process alive.
        process.exit();
      }
    });
}

/** Resolves on the first Ctrl-C or termination; a second one ends the process at once. */
export function untilStopped(): Promise<undefined> {
  return new Promise((resolve) => {
    let askedAtMs: number | undefined;
    const stop = (): void => {
      if (askedAtMs === undefined) {
        askedAtMs = performance.now();
        resolve(undefined);
      } else if (performance.now() - askedAtMs > sameSignalMs) {
        process.exit(exitCodes.interrupted.code);
      }
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
