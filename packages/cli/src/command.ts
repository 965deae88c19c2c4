/** How a command is declared: its words, options, examples and action. The table of commands is in commands/index.ts. */
import { SlipwayError } from '@slipway/contract';
import type { Command } from 'commander';
import type { Connection } from './connect.ts';
import { connect } from './connect.ts';
import type { ExitName } from './exit-codes.ts';
import { exitCodes } from './exit-codes.ts';
import type { Output } from './output.ts';
import { createOutput, paint } from './output.ts';

export interface Session extends Connection {
  readonly output: Output;
}

interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly token?: string;
}

/** A failure that a command found itself: what to print, and which exit code says it. */
export class CommandFailure extends Error {
  readonly exit: ExitName;
  constructor(exit: ExitName, message: string) {
    super(message);
    this.exit = exit;
  }
}

/**
 * Wraps an action: opens the connection, prints failures to standard error (as JSON with `--json`) and sets the exit code.
 * The action's last two arguments are commander's own (options, command).
 */
export function action<A extends readonly unknown[]>(
  run: (session: Session, ...args: A) => Promise<void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    // Commander always passes the command last.
    const command = args.at(-1) as Command;
    const options = command.optsWithGlobals<GlobalOptions>();
    const output = createOutput({ json: options.json === true });
    try {
      await run({ ...connect(options), output }, ...(args.slice(0, -1) as unknown as A));
    } catch (error) {
      output.endProgress();
      process.exitCode = exitCodes[report(error, output)].code;
    }
  };
}

/** Prints a failure and answers which exit code it is. */
export function report(error: unknown, output: Output): ExitName {
  const exit = exitOf(error);
  if (output.json) {
    const body =
      error instanceof SlipwayError ? error.toBody() : { error: { code: 'failed', message: messageOf(error) } };
    process.stderr.write(`${JSON.stringify(body)}\n`);
  } else {
    process.stderr.write(`${paint('red', 'error')} ${messageOf(error)}\n`);
  }
  return exit;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function exitOf(error: unknown): ExitName {
  if (error instanceof CommandFailure) return error.exit;
  if (!(error instanceof SlipwayError)) return 'failed';
  if (error.code === 'server_unreachable') return 'unreachable';
  switch (error.status) {
    case 401:
    case 403:
      return 'notPermitted';
    case 404:
      return 'notFound';
    default:
      return 'failed';
  }
}

/** A whole number option; commander shows the message as a usage error. */
export function wholeNumber(
  name: string,
  range: { readonly min: number; readonly max: number },
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < range.min || value > range.max) {
      throw new CommandFailure(
        'usage',
        `${name} is "${text}": it must be a whole number from ${range.min} to ${range.max}`,
      );
    }
    return value;
  };
}
