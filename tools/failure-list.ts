/**
 * A reporter of node:test that writes only what failed, and why: `npm test` repeats it at its very end, for whoever would else
 * look for one line in twenty minutes of output.
 */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** Of one failure; a difference of two large values is cut. */
const charactersMax = 4000;

/** A suite fails because of a test inside it, which is told by itself. */
const isConsequence = (error: Error): boolean =>
  (error as NodeJS.ErrnoException & { failureType?: unknown }).failureType === 'subtestsFailed';

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || isConsequence(data.details.error)) continue;
    const { error } = data.details;
    const cause = inspect(error.cause ?? error, { depth: 3 }).slice(0, charactersMax);
    yield `${data.name}\n  ${data.file ?? ''}:${data.line ?? ''}\n  ${cause.replaceAll('\n', '\n  ')}\n\n`;
  }
}
