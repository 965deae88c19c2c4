/** At most four questions, each with the answer that the table proposes; Enter takes it. */
import { createInterface } from 'node:readline/promises';
import { CommandFailure } from '../failure.ts';
import { paint } from '../output.ts';

export interface Question {
  /** The option that answers it without a question. */
  readonly option: string;
  readonly text: string;
  readonly proposed: string;
}

export interface Asker {
  /** What was answered; the proposal where the answer is empty. `check` throws where it will not do, and it is asked again. */
  ask<T>(question: Question, check: (answer: string) => T): Promise<T>;
  close(): void;
}

/** `--yes`: every proposal is taken. */
export const takesProposals: Asker = { ask: async ({ proposed }, check) => check(proposed), close: () => undefined };

/** Nobody is there to answer. */
export const refusesQuestions: Asker = {
  ask: async ({ option, text, proposed }) => {
    throw new CommandFailure(
      'usage',
      `${text} There is no terminal to ask on: answer with ${option} (proposed: ${proposed}), or take every proposal with --yes`,
    );
  },
  close: () => undefined,
};

export function terminalAsker(): Asker {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<never>((_, reject) =>
    lines.once('close', () => reject(new CommandFailure('interrupted', 'interrupted: nothing was written'))),
  );
  closed.catch(() => undefined);
  return {
    ask: async ({ text, proposed }, check) => {
      for (;;) {
        const typed = await Promise.race([
          lines.question(`${paint('bold', text, process.stderr)} [${proposed}] `),
          closed,
        ]);
        try {
          return check(typed.trim() === '' ? proposed : typed.trim());
        } catch (error) {
          if (!(error instanceof CommandFailure)) throw error;
          process.stderr.write(`${error.message}\n`);
        }
      }
    },
    close: () => lines.close(),
  };
}
