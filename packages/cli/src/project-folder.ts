/**
 * A project folder as the server wants it: slipway.yaml and the files that it names become a list of declarations, and the
 * folder's files become a content-addressed bundle. Reads the folder and git, talks to nobody.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { BundleFile, ProjectManifest, ResourceDeclaration, SourceCommit } from '@slipway/contract';
import { Name, SlipwayError } from '@slipway/contract';
import { resolveOwnImports } from '@slipway/server/own-imports';
import type { PipelineDefinition } from 'slipway';
import { collectBundle, describe } from 'slipway';
import { parseDocument } from 'yaml';
import { z } from 'zod';

const run = promisify(execFile);
resolveOwnImports();

const declarations = z.record(Name, z.json());

/** The shape of slipway.yaml. What stands inside a declaration is checked by the module that owns the noun, on the server. */
export const ProjectFile = z.strictObject({
  project: Name,
  datasets: declarations.default({}),
  /** Name to a YAML file, or the suite itself. */
  suites: declarations.default({}),
  /** YAML files, one feature set each. */
  features: z.array(z.string()).default([]),
  /** TypeScript files that export pipelines. */
  pipelines: z.array(z.string()).default([]),
  models: declarations.default({}),
  endpoints: declarations.default({}),
  monitors: declarations.default({}),
  policies: declarations.default({}),
});

export interface ProjectFolder {
  readonly project: string;
  readonly folder: string;
  readonly manifest: ProjectManifest;
  readonly bundle: readonly BundleFile[];
}

export async function readProjectFolder(folder: string): Promise<ProjectFolder> {
  const root = resolve(folder);
  const file = parseProjectFile(await readText(root, 'slipway.yaml'));
  const bundle = await collectBundle(root);
  const resources: ResourceDeclaration[] = [
    ...declared('dataset', file.datasets),
    ...(await suites(root, file.suites)),
    ...(await Promise.all(file.features.map((path) => featureSet(root, path)))),
    ...declared('model', file.models),
    ...(await Promise.all(file.pipelines.map((path) => pipelines(root, path, bundle.digest)))).flat(),
    ...declared('endpoint', file.endpoints),
    ...declared('monitor', file.monitors),
    ...declared('policy', file.policies),
  ];
  const source = await commitOf(root);
  return {
    project: file.project,
    folder: root,
    bundle: bundle.files,
    manifest: { resources, bundle: [...bundle.files], ...(source === undefined ? {} : { source }) },
  };
}

async function readText(root: string, path: string): Promise<string> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const remedy =
      path === 'slipway.yaml'
        ? 'Name the project folder with --project, or go there first.'
        : `slipway.yaml names it; it must lie in ${root}.`;
    throw new SlipwayError('not_found', { noun: 'file', name: join(root, path), remedy }, { cause: error });
  }
}

/** YAML with anchors and merge keys; the first error names the line. */
function parseYaml(path: string, text: string): unknown {
  const document = parseDocument(text, { merge: true, prettyErrors: true });
  const [error] = document.errors;
  if (error) throw new SlipwayError('resource_invalid', { kind: 'file', name: path, problem: error.message });
  return document.toJS() as unknown;
}

function parseProjectFile(text: string): z.output<typeof ProjectFile> {
  const result = ProjectFile.safeParse(parseYaml('slipway.yaml', text));
  if (result.success) return result.data;
  throw new SlipwayError('resource_invalid', {
    kind: 'file',
    name: 'slipway.yaml',
    problem: z.prettifyError(result.error),
  });
}

type Json = z.core.util.JSONType;

function declared(kind: string, specs: Readonly<Record<string, Json>>): ResourceDeclaration[] {
  return Object.entries(specs).map(([name, spec]) => ({ kind, name, spec: spec ?? {} }));
}

async function suites(root: string, specs: Readonly<Record<string, Json>>): Promise<ResourceDeclaration[]> {
  return Promise.all(
    Object.entries(specs).map(async ([name, spec]) => ({
      kind: 'suite',
      name,
      spec: typeof spec === 'string' ? z.json().parse(parseYaml(spec, await readText(root, spec))) : spec,
    })),
  );
}

async function featureSet(root: string, path: string): Promise<ResourceDeclaration> {
  const spec = z.json().parse(parseYaml(path, await readText(root, path)));
  const named = z.looseObject({ features: Name }).safeParse(spec);
  if (!named.success) {
    throw new SlipwayError('resource_invalid', {
      kind: 'feature-set',
      name: path,
      problem: 'the first key must be `features: <name>`',
    });
  }
  return { kind: 'feature-set', name: named.data.features, spec };
}

async function pipelines(root: string, path: string, bundle: string): Promise<ResourceDeclaration[]> {
  await readText(root, path);
  const loaded = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
  const found = Object.values(loaded).filter(isPipeline);
  if (found.length === 0) {
    throw new SlipwayError('resource_invalid', {
      kind: 'pipeline',
      name: path,
      problem: 'the file exports no pipeline; `export default pipeline({ … }, …)` makes one',
    });
  }
  const file = relative(root, join(root, path)).replaceAll('\\', '/');
  return [...new Set(found)].map((definition) => ({
    kind: 'pipeline',
    name: definition.id,
    spec: z.json().parse({ graph: describe(definition), file, bundle }),
  }));
}

function isPipeline(value: unknown): value is PipelineDefinition {
  return (
    typeof value === 'object' && value !== null && 'pipeline' in value && value.pipeline === true && 'nodes' in value
  );
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
