import type { TestContext } from 'node:test';

/**
 * For a test that lacks something of this machine (a database, a browser, a right). It is skipped and says why; with CI=true it
 * fails, because there everything has to be brought: no proof goes missing unseen.
 */
export function skipUnlessCi(t: TestContext, problem: string, cause?: unknown): void {
  if (process.env['CI'] === 'true') throw new Error(problem, { cause });
  t.skip(problem);
}
