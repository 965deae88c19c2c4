/** The pages as a web: links and anchors lead somewhere, every page is reached from the index, every picture has its maker and a reader. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { conceptPictures } from '../../tools/drawings/concepts.ts';
import { repository } from './cli.ts';

const pages = ['*.md', 'docs/**/*.md', 'examples/**/README.md', 'packages/**/*.md', 'tests/**/README.md', 'bench/*.md']
  .flatMap((pattern) => globSync(pattern, { cwd: repository, exclude: ['**/node_modules/**', '**/dist/**'] }))
  .sort();

const textOf = (page: string): string => readFileSync(join(repository, page), 'utf8');
/** What is not read as Markdown. */
const proseOf = (page: string): string =>
  textOf(page)
    .replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '')
    .replaceAll(/`[^`\n]*`/g, '');

interface Link {
  /** From the top of the repository. */
  readonly path: string;
  readonly anchor: string | undefined;
}

function linksOf(page: string): Link[] {
  const text = proseOf(page);
  const targets = [
    ...[...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target),
    ...[...text.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g)].map(([, target = '']) => target),
  ];
  return targets
    .filter((target) => !/^(?:https?|mailto):/.test(target))
    .map((target) => {
      const [path = '', anchor] = decodeURI(target).split('#');
      return { path: path === '' ? page : normalize(join(page, '..', path)), anchor };
    });
}

/** As GitHub makes them from headings: lower case, without punctuation, hyphens for spaces, a number for the second of a name. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  const headings = textOf(page)
    .replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

test('links lead to files, and anchors to headings', () => {
  const broken = pages.flatMap((page) =>
    linksOf(page).flatMap(({ path, anchor }) => {
      if (!existsSync(join(repository, path))) return [`${page}: there is no ${path}`];
      if (anchor === undefined || !path.endsWith('.md') || anchorsOf(path).includes(anchor)) return [];
      return [`${page}: ${path} has no heading for #${anchor}`];
    }),
  );
  assert.deepEqual(broken, []);
  assert(pages.includes('docs/README.md') && linksOf('docs/README.md').length > 20, 'the index was read');
});

test('every page of the documentation is reached from its index', () => {
  const reached = new Set<string>();
  const visit = (page: string): void => {
    if (reached.has(page)) return;
    reached.add(page);
    for (const { path } of linksOf(page)) if (pages.includes(path)) visit(path);
  };
  visit('docs/README.md');
  const lost = pages.filter((page) => page.startsWith('docs/') && !reached.has(page));
  assert.deepEqual(lost, []);
});

test('every picture is made by a script and shown on a page', () => {
  const shown = new Set(pages.flatMap((page) => linksOf(page).map(({ path }) => path)));
  const pictures = globSync('docs/**/*.{png,svg,jpg,gif,webp}', { cwd: repository });
  assert.deepEqual(
    pictures.filter((picture) => !shown.has(picture)),
    [],
    'no page shows these',
  );
  // The names of the pages that tests/console/pictures.ts opens; tools/drawings draws the rest.
  const addresses = readFileSync(join(repository, 'tests/console/addresses.ts'), 'utf8');
  const made = [...addresses.matchAll(/^\s+\['([\w-]+)', /gm)].flatMap(([, name = '']) =>
    ['light', 'dark'].map((scheme) => `docs/pictures/console/${name}-${scheme}.png`),
  );
  const drawn = ['lifecycle', ...conceptPictures().map(([name]) => `concepts/${name}`)].map(
    (name) => `docs/pictures/${name}.svg`,
  );
  assert.deepEqual(pictures.toSorted(), [...made, ...drawn].toSorted(), '`npm run pictures` makes them');
});
