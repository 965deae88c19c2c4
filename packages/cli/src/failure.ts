import type { ExitName } from './exit-codes.ts';

/** A failure that a command found itself: what to print, and which exit code says it. */
export class CommandFailure extends Error {
  readonly exit: ExitName;
  constructor(exit: ExitName, message: string) {
    super(message);
    this.exit = exit;
  }
}
