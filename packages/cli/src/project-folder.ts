/**
 * A project folder as the server wants it: slipway.yaml and the files that it names become a list of declarations, and the
 * folder's files become a content-addressed bundle. Reads the folder and git, talks to nobody. What is wrong with a file is
 * said with its line and column, also when the server found it.
 */
import { execFile } from 'node:child_process';
import { join, normalize, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type {
  BundleFile,
  DeclarationSection,
  ProjectManifest,
  ResourceDeclaration,
  SourceCommit,
} from '@slipway/contract';
import { declarationSpecs, Name, ProjectFile, sectionKinds, SlipwayError, SuiteSpec } from '@slipway/contract';
import { resolveOwnImports } from '@slipway/server/own-imports';
import type { PipelineDefinition } from 'slipway';
import { collectBundle, describe } from 'slipway';
import { z } from 'zod';
import type { YamlFile } from './yaml-file.ts';
import { complaint, readText, readYamlFile, withMeant, wrongFile } from './yaml-file.ts';

const run = promisify(execFile);
resolveOwnImports();

export interface ProjectFolder {
  readonly project: string;
  readonly folder: string;
  readonly manifest: ProjectManifest;
  readonly bundle: readonly BundleFile[];
  /** Where each declaration stands. */
  readonly places: readonly DeclaredPlace[];
}

interface DeclaredPlace {
  readonly kind: string;
  readonly name: string;
  readonly file: YamlFile;
  readonly base: readonly PropertyKey[];
}

type Declared = DeclaredPlace & Pick<ResourceDeclaration, 'spec'>;

const projectFile = 'slipway.yaml';
const sections = Object.keys(declarationSpecs) as DeclarationSection[];

/** What is needed stands before what needs it, in plans as in applies. */
const order = ['dataset', 'suite', 'feature-set', 'model', 'pipeline', 'endpoint', 'monitor', 'policy'];

/** The outline: sections and names. What stands behind a name is checked next, by its own schema, for a better complaint. */
const declarations = z.record(Name, z.unknown()).nullish();
const Outline = ProjectFile.extend({
  datasets: declarations,
  suites: declarations,
  models: declarations,
  endpoints: declarations,
  monitors: declarations,
  policies: declarations,
  features: ProjectFile.shape.features.nullish(),
  pipelines: ProjectFile.shape.pipelines.nullish(),
});

export async function readProjectFolder(folder: string): Promise<ProjectFolder> {
  const root = resolve(folder);
  const main = await readYamlFile(root, projectFile, 'Name the project folder with --project, or go there first.');
  const outline = Outline.safeParse(main.value ?? {});
  if (!outline.success) {
    const known = complaint(main, [], outline.error);
    throw wrongFile(
      String(known.details['name']),
      `${String(known.details['problem'])}.${withMeant(outline.error, Object.keys(Outline.shape))}`,
    );
  }
  const file = outline.data;
  for (const [i, path] of [...(file.features ?? [])].entries()) checkInside(root, path, main.place(['features', i]));
  for (const [i, path] of [...(file.pipelines ?? [])].entries()) checkInside(root, path, main.place(['pipelines', i]));
  const bundle = await collectBundle(root);
  const found = [
    ...(await Promise.all(sections.map((section) => declared(root, main, section, file[section] ?? {})))).flat(),
    ...(await Promise.all((file.features ?? []).map((path) => featureSet(root, path)))),
    ...(
      await Promise.all(
        (file.pipelines ?? []).map((path, i) => pipelines(root, path, { main, index: i, bundle: bundle.digest })),
      )
    ).flat(),
  ];
  found.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const source = await commitOf(root);
  const resources = found.map(({ kind, name, spec }) => ({ kind, name, spec }));
  return {
    project: file.project,
    folder: root,
    bundle: bundle.files,
    manifest: { resources, bundle: [...bundle.files], ...(source === undefined ? {} : { source }) },
    places: found,
  };
}

/** The server gets the files of the folder and no others. */
function checkInside(root: string, path: string, place: string): void {
  const inside = relative(root, resolve(root, path));
  if (inside === '' || inside.startsWith('..') || normalize(path).startsWith('/'))
    throw wrongFile(place, `"${path}" does not lie in the project folder; write a path relative to ${projectFile}`);
}

async function declared(
  root: string,
  main: YamlFile,
  section: DeclarationSection,
  specs: Readonly<Record<string, unknown>>,
): Promise<Declared[]> {
  return Promise.all(
    Object.entries(specs).map(async ([name, written]) => {
      const base = [section, name];
      const spec = declarationSpecs[section].safeParse(written ?? {});
      if (!spec.success) throw complaint(main, base, spec.error);
      const kind = sectionKinds[section];
      if (section !== 'suites' || typeof written !== 'string')
        return { kind, name, spec: z.json().parse(written ?? {}), file: main, base };
      checkInside(root, written, main.place(base));
      const file = await readYamlFile(root, written, `${main.place(base)} names it.`);
      const suite = SuiteSpec.safeParse(file.value ?? {});
      if (!suite.success) throw complaint(file, [], suite.error);
      return { kind, name, spec: z.json().parse(file.value), file, base: [] };
    }),
  );
}

async function featureSet(root: string, path: string): Promise<Declared> {
  const file = await readYamlFile(root, path, `${projectFile} names it under features.`);
  const named = z.looseObject({ features: Name }).safeParse(file.value ?? {});
  if (!named.success) throw wrongFile(file.place(['features']), 'the first key must be `features: <name>`');
  const spec = z.json().safeParse(file.value);
  if (!spec.success) throw complaint(file, [], spec.error);
  return { kind: 'feature-set', name: named.data.features, spec: spec.data, file, base: [] };
}

async function pipelines(
  root: string,
  path: string,
  named: { readonly main: YamlFile; readonly index: number; readonly bundle: string },
): Promise<Declared[]> {
  const base = ['pipelines', named.index];
  await readText(root, path, `${named.main.place(base)} names it.`);
  const definitions = Object.values(await loadModule(root, path)).filter(isPipeline);
  if (definitions.length === 0)
    throw wrongFile(
      named.main.place(base),
      `${path} exports no pipeline; \`export default pipeline({ … }, …)\` makes one`,
    );
  const file = relative(root, join(root, path)).replaceAll('\\', '/');
  return [...new Set(definitions)].map((definition) => ({
    kind: 'pipeline',
    name: definition.id,
    spec: z.json().parse({ graph: graphOf(path, definition), file, bundle: named.bundle }),
    file: named.main,
    base,
  }));
}

async function loadModule(root: string, path: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(join(root, path)).href;
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw wrongFile(positionIn(root, error) ?? path, problem.replaceAll(/\s+/g, ' ').trim());
  }
}

/** `file:line:column` of the first place in the project that the error's stack names. */
function positionIn(root: string, error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  for (const match of error.stack.matchAll(/(?:file:\/\/)?(\/[^\s():]+):(\d+)(?::(\d+))?/g)) {
    const [, file = '', line = '', column] = match;
    const inside = relative(root, file);
    if (!inside.startsWith('..')) return [inside, line, ...(column === undefined ? [] : [column])].join(':');
  }
  return undefined;
}

function graphOf(path: string, definition: PipelineDefinition): unknown {
  try {
    return describe(definition);
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    throw wrongFile(path, `pipeline "${definition.id}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isPipeline(value: unknown): value is PipelineDefinition {
  return (
    typeof value === 'object' && value !== null && 'pipeline' in value && value.pipeline === true && 'nodes' in value
  );
}

/** A refusal of the server about a declaration of this folder, with the place where the declaration stands. */
export function locateRefusal(folder: ProjectFolder, error: unknown): unknown {
  if (!(error instanceof SlipwayError)) return error;
  const { kind, name, path, problem } = error.details;
  const isFeatures = error.code === 'features_invalid';
  const place = folder.places.find((p) =>
    isFeatures ? p.kind === 'feature-set' : p.name === name && p.kind === String(kind).replaceAll(' ', '-'),
  );
  if (place === undefined) return error;
  // A path at the head of the problem, as the modules write it: "tables.flights.key: …", "at views.x: …".
  const written = isFeatures ? String(path) : (/^(?:at )?([\w-]+(?:\.[\w-]+)*)[ :]/.exec(String(problem))?.[1] ?? '');
  const keys = [...place.base, ...written.split('.')];
  return new SlipwayError(error.code, error.details, {
    message: `${place.file.place(keys)}: ${error.message}`,
    cause: error,
  });
}

/** The commit that the folder stands at, when it lies in a git checkout. */
async function commitOf(root: string): Promise<SourceCommit | undefined> {
  try {
    const git = async (...args: string[]): Promise<string> => (await run('git', ['-C', root, ...args])).stdout.trim();
    const commit = await git('rev-parse', 'HEAD');
    const branch = await git('rev-parse', '--abbrev-ref', 'HEAD');
    const dirty = (await git('status', '--porcelain', '--', '.')) !== '';
    return { commit, dirty, branch };
  } catch {
    return undefined;
  }
}
