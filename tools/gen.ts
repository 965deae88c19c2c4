/**
 * Files made from the source: the error list, the route list with permissions, the OpenAPI document, the JSON Schemas of
 * project files, the tables of commands, the architecture diagram, the pictures of ideas. `npm run gen` writes them; `npm run check` fails when a committed one differs, so
 * a reviewer always sees what changed for the outside.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Route } from '@slipway/contract';
import { allRoutes, errorCatalogue } from '@slipway/contract';
import { openApiDocument } from '@slipway/server/openapi';
import { compat, modules, packages } from '../layers.mjs';
import { consoleOperations, consoleOperationsPath } from './console-operations.ts';
import { commandTable, exitCodeTable } from './command-tables.ts';
import { conceptPictures } from './drawings/concepts.ts';
import { lifecyclePicture } from './drawings/lifecycle.ts';
import { schemaFiles } from './schemas.ts';
import { listSources, root } from './sources.ts';
import { loweredRatchets, ratchetsPath } from './tidy.ts';

const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, row]) =>
      `| \`${code}\` | ${row.status} | ${row.retryable ? 'yes' : 'no'} | ${row.fixer} | ${row.text.replaceAll('|', '\\|')} |`,
  );
  return `# Errors\n\nMade from \`packages/contract/src/errors.ts\` by \`npm run gen\`.\n\n| code | status | retry | who can mend it | message |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
}

function routesPage(): string {
  const table: Readonly<Record<string, Route>> = allRoutes;
  const rows = Object.entries(table).map(
    ([id, r]) => `| \`${id}\` | ${r.method} | \`${r.path}\` | ${r.permission} | ${r.summary} |`,
  );
  return `# Routes and permissions\n\nMade from the contract by \`npm run gen\`. A route without a permission cannot be declared.\n\n| operation | method | path | permission | what it does |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
}

function diagram(): string {
  const lines: string[] = ['flowchart LR'];
  const draw = (arrows: Readonly<Record<string, readonly string[]>>, prefix: string): void => {
    for (const [from, to] of Object.entries(arrows)) {
      if (to.length === 0) lines.push(`  ${prefix}${from}[${from}]`);
      for (const other of to) lines.push(`  ${prefix}${from}[${from}] --> ${prefix}${other}[${other}]`);
    }
  };
  lines.push('  subgraph packages');
  draw(packages, 'p_');
  lines.push('  end', '  subgraph modules["modules of the server (by type, through the door)"]');
  draw(modules, 'm_');
  lines.push('  end', '  subgraph compat["foreign protocols"]');
  for (const from of Object.keys(compat)) lines.push(`  c_${from}[${from}]`);
  lines.push('  end');
  for (const [from, to] of Object.entries(compat)) for (const other of to) lines.push(`  c_${from} --> m_${other}`);
  return `${lines.join('\n')}\n`;
}

/** Replaces what stands between two marks. Throws when a mark is missing: the part would silently stop being made. */
function between(text: string, name: string, body: string): string {
  const marks = new RegExp(`(<!-- ${name} -->)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!marks.test(text)) throw new Error(`the marks <!-- ${name} --> and <!-- /${name} --> are missing`);
  return text.replace(marks, (_, open: string, close: string) => `${open}\n${body}\n${close}`);
}

/** Path and wanted content of every generated file. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const commands = readFileSync(join(root, 'packages/cli/README.md'), 'utf8');
  const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  return new Map([
    ['docs/generated/errors.md', errorsPage()],
    ['docs/generated/routes.md', routesPage()],
    ['docs/generated/openapi.json', `${JSON.stringify(openApiDocument(allRoutes, version), null, 1)}\n`],
    [consoleOperationsPath, consoleOperations()],
    ...schemaFiles(),
    ['docs/pictures/lifecycle.svg', lifecyclePicture()],
    ...conceptPictures().map(([name, svg]): [string, string] => [`docs/pictures/concepts/${name}.svg`, svg]),
    [
      'packages/cli/README.md',
      between(between(commands, 'commands', await commandTable()), 'exit codes', exitCodeTable()),
    ],
    ['ARCHITECTURE.md', between(architecture, 'diagram', `\`\`\`mermaid\n${diagram()}\`\`\``)],
  ]);
}

export async function generatedProblems(): Promise<string[]> {
  return [...(await generatedFiles())].flatMap(([path, wanted]) => {
    let found = '';
    try {
      found = readFileSync(join(root, path), 'utf8');
    } catch {
      // Reported as different below.
    }
    return found === wanted ? [] : [`${path} is not what the source makes: run \`npm run gen\` and commit it`];
  });
}

if (import.meta.main) {
  for (const [path, text] of await generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
  const ratchets = loweredRatchets(listSources(['.ts']));
  writeFileSync(join(root, ratchetsPath), `${JSON.stringify(ratchets, null, 2)}\n`);
  console.log(`wrote ${ratchetsPath}`);
}
