/** What the accessibility checker finds in a page. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { axePath } from './browser.ts';

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

interface Looked {
  /** A part of the page; the frame around it is the same everywhere. All of it unless said. */
  readonly within?: 'main';
  /** Contrast alone where only colours differ from a page already seen. */
  readonly only?: 'color-contrast' | undefined;
}

const nodesShown = 3;

/** Serious barriers, each by its rule and the first elements that have it. */
export async function seriousProblems(page: Page, { within, only }: Looked = {}): Promise<string[]> {
  // The page's policy refuses script tags from elsewhere, as it should: the checker is evaluated instead.
  await page.evaluate(await readFile(axePath, 'utf8'));
  const part = within === undefined ? 'document' : JSON.stringify(within);
  const options = only === undefined ? {} : { runOnly: { type: 'rule', values: [only] } };
  const violations = await page.evaluate<Violation[]>(
    `axe.run(${part}, ${JSON.stringify(options)}).then((found) => found.violations)`,
  );
  const where = ({ nodes }: Violation): string =>
    nodes
      .slice(0, nodesShown)
      .map((n) => n.target.join(' '))
      .join(' | ');
  return violations.flatMap((v) => (/serious|critical/.test(v.impact) ? [`${v.id}: ${where(v)}`] : []));
}
