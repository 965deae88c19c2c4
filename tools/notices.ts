/**
 * THIRD-PARTY-NOTICES: for each package of others whose code a build carries, its name, version, licence and the licence's
 * text as its makers publish it. A package without a licence that permits this stops the build.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const noticesFile = 'THIRD-PARTY-NOTICES';

/** Licences (SPDX) under which code may be carried in an Apache-2.0 package, given their text is included. */
const accepted: readonly string[] = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
];

/** Licence texts of packages that come without them, by package name. */
const publishedElsewhere = join(import.meta.dirname, 'licences');

export interface Notice {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly text: string;
}

/** The folders below node_modules that these files come from, each once, sorted: `node_modules/a/node_modules/@b/c`. */
export function packageFolders(files: Iterable<string>): string[] {
  const folders = new Set<string>();
  for (const file of files) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].sort();
}

/** Throws where the licence is not one of the accepted ones, or its text cannot be found. */
export function noticeOf(folder: string): Notice {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  // npm requires the first two of every published package; the third is checked below.
  const { name, version, license } = manifest as { readonly name: string; readonly version: string; license?: unknown };
  if (typeof license !== 'string' || !isAccepted(license)) {
    throw new Error(
      `${name} ${version} has the licence ${JSON.stringify(license)}: it may not be carried in the package`,
    );
  }
  const texts = [folder, join(publishedElsewhere, name)]
    .filter((place) => existsSync(place))
    .flatMap((place) => licenceFiles(place).map((file) => readFileSync(join(place, file), 'utf8')));
  if (texts.length === 0) texts.push(...licenceSections(folder));
  if (texts.length === 0) {
    throw new Error(
      `${name} ${version} publishes no licence file: put the text that its makers give into ${join(publishedElsewhere, name)}`,
    );
  }
  return {
    name,
    version,
    licence: license,
    text: texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n'),
  };
}

const licenceFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice|third-?party-?notices?)([.-].*)?$/i.test(file))
    .sort();

/** `MIT`, or a choice with an accepted part: `(MIT OR GPL-3.0)`. */
function isAccepted(licence: string): boolean {
  return licence
    .replace(/^\(|\)$/g, '')
    .split(' OR ')
    .some((part) => accepted.includes(part));
}

/** The section of the readme that holds the licence's own words. */
function licenceSections(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => /^readme\.md$/i.test(file))
    .flatMap(
      (file) => /\n#+ *licen[cs]e *\n+([\s\S]+?)(?=\n#|$)/i.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? [],
    )
    .filter((text) => /permission is hereby granted|redistribution and use/i.test(text));
}

export function noticesText(notices: readonly Notice[]): string {
  const sorted = notices.toSorted(
    (a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en'),
  );
  const line = '='.repeat(80);
  const parts = sorted.map(
    ({ name, version, licence, text }) => `${line}\n${name} ${version}   (${licence})\n${line}\n\n${text}\n`,
  );
  const head = 'This package contains code of the projects below, each under the licence that follows its name.\n';
  return [head, ...parts].join('\n');
}
