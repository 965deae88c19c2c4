/** How a command runs: its session, its failures and the exit code that says what went wrong. The table of commands is in commands/index.ts. */
import { SlipwayError } from '@slipway/contract';
import type { Command } from 'commander';
import type { Connection } from './connect.ts';
import { connect } from './connect.ts';
import type { ExitName } from './exit-codes.ts';
import { exitCodes } from './exit-codes.ts';
import { nearest, nearestName } from './live-names.ts';
import type { Output } from './output.ts';
import { createOutput, paint } from './output.ts';

export { wholeNumber } from './arguments.ts';
export { CommandFailure } from './failure.ts';

import { CommandFailure } from './failure.ts';

export interface Session extends Connection {
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** What Ctrl-C leaves behind, for the line that is printed then: "the run goes on". */
  leaves(sentence: string): void;
  /** What is to be undone when Ctrl-C ends the command, before the process ends. */
  undo(work: () => Promise<void>): void;
}

export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly token?: string;
}

/** Codes of refusals that say that the command line itself was wrong. */
const usageCodes: ReadonlySet<string> = new Set([
  'request_invalid',
  'id_invalid',
  'name_invalid',
  'page_token_invalid',
  'filter_invalid',
  'order_invalid',
  'dataset_ref_invalid',
  'pipeline_params_invalid',
  'inputs_invalid',
  'feature_request_invalid',
  'config_invalid',
]);

const unreachableCodes: ReadonlySet<string> = new Set([
  'server_unreachable',
  'server_too_slow',
  'answer_not_understood',
]);

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
    const interrupt = createInterrupt();
    let connection: Connection | undefined;
    try {
      connection = connect(options);
      const { signal, leaves, undo } = interrupt;
      const session = { ...connection, output, signal, leaves, undo };
      // What commander parsed for this command: its arguments, then its options.
      await Promise.race([run(session, ...(args.slice(0, -1) as unknown as A)), interrupt.asked]);
    } catch (error) {
      output.endProgress();
      const exit = report(await withSuggestion(error, connection), output);
      process.exitCode = exitCodes[exit].code;
      // Requests and timers of an interrupted command would keep the process alive.
      if (exit === 'interrupted') {
        await interrupt.undone(output);
        process.exit();
      }
    } finally {
      interrupt.end();
    }
  };
}

/** The first Ctrl-C ends the command with a sentence; a second one, during its clean-up, ends the process. */
function createInterrupt() {
  const controller = new AbortController();
  const { promise: asked, reject } = Promise.withResolvers<never>();
  let sentence = '';
  let work: (() => Promise<void>) | undefined;
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted.code);
    const failure = new CommandFailure('interrupted', sentence === '' ? 'interrupted' : `interrupted: ${sentence}`);
    controller.abort(failure);
    reject(failure);
  };
  asked.catch(() => undefined);
  process.on('SIGINT', stop);
  return {
    asked,
    signal: controller.signal,
    leaves: (text: string) => void (sentence = text),
    undo: (undoing: () => Promise<void>) => void (work = undoing),
    undone: async (output: Output) => {
      try {
        await work?.();
      } catch (error) {
        report(error, output);
      }
    },
    end: () => void process.off('SIGINT', stop),
  };
}

/** A name that does not exist is often one that nearly does. */
async function withSuggestion(error: unknown, connection: Connection | undefined): Promise<unknown> {
  if (!(error instanceof SlipwayError) || error.code !== 'not_found' || connection === undefined) return error;
  const { noun, name } = error.details;
  if (typeof noun !== 'string' || typeof name !== 'string') return error;
  const suggestion = await nearestName(connection.client, noun, name);
  if (suggestion === undefined) return error;
  return new SlipwayError(
    error.code,
    { ...error.details, suggestion },
    { message: `There is no ${noun} "${name}". Did you mean "${suggestion}"?`, cause: error },
  );
}

/** Prints a failure and answers which exit code it is. */
export function report(error: unknown, output: Output): ExitName {
  const exit = exitOf(error);
  if (output.json) {
    process.stderr.write(`${JSON.stringify(bodyOf(error, exit))}\n`);
  } else {
    process.stderr.write(`${paint('red', 'error', process.stderr)} ${printable(messageOf(error))}\n`);
  }
  return exit;
}

function bodyOf(error: unknown, exit: ExitName): unknown {
  if (error instanceof SlipwayError) return error.toBody();
  // The names of exit codes are the codes of failures that no server reported.
  const code = exit.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { error: { code, message: messageOf(error), retryable: false, details: {} } };
}

/** What control characters would do to a terminal is not for other people's names to decide. */
// oxlint-disable-next-line no-control-regex
const printable = (text: string): string => text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]/g, '\ufffd');

function messageOf(error: unknown): string {
  if (error instanceof SlipwayError) return rephrased(error) ?? error.message;
  if (!(error instanceof Error)) return String(error);
  // Node's own errors about files name the call first; people want the file and what is wrong with it.
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : fileProblems[code];
  return known === undefined || path === undefined ? error.message : `${path} ${known}`;
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'cannot be opened: permission denied',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'is not a folder',
  ENOSPC: 'cannot be written: the disk is full',
  EROFS: 'cannot be written: the file system is read-only',
};

/** Operations and JSON paths are the server's words; on the command line they become the argument that was typed. */
function rephrased(error: SlipwayError): string | undefined {
  if (error.code === 'not_authenticated')
    return 'No valid token came with this request. Set SLIPWAY_TOKEN or --token; `slipway token create`, run by an owner, makes one.';
  if (error.code === 'endpoint_not_deployed') return undefined;
  if (error.code !== 'request_invalid') return undefined;
  const { problem } = error.details;
  if (typeof problem !== 'string') return undefined;
  return problem.replaceAll(/(?:^|(?<=; ))(?:path|query|body)\.?/g, '');
}

function exitOf(error: unknown): ExitName {
  if (error instanceof CommandFailure) return error.exit;
  if (!(error instanceof SlipwayError)) return 'failed';
  if (unreachableCodes.has(error.code)) return 'unreachable';
  if (usageCodes.has(error.code)) return 'usage';
  if (error.code === 'gate_not_passed') return 'gate';
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

/** "did you mean" for a word of a fixed list. */
export function oneOf<const T extends string>(what: string, known: readonly T[], word: string): T {
  const found = known.find((k) => k === word);
  if (found !== undefined) return found;
  const suggestion = nearest(word, known);
  throw new CommandFailure(
    'usage',
    `"${word}" is no ${what}${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`} Known: ${known.join(', ')}`,
  );
}
