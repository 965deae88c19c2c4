/** Plan and apply: compares a folder's declarations with what the server has, and makes the server agree. */
import type { Project, ProjectManifest, ProjectPlan, ResourceDiff, SourceCommit } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { digestOfJson } from '../../lib/digest.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import { diffPaths } from './diff.ts';
import type { AnyResourceKind } from './resource.ts';
import type { ProjectOperations, ProjectTables, StoredResource, WantedResource } from './store.ts';
import { listResources, sourceOf } from './store.ts';

export interface Projects {
  list(): Promise<Project[]>;
  get(project: string): Promise<Project>;
  /** What stands applied, as an apply takes it. */
  manifest(project: string): Promise<Omit<ProjectManifest, 'expectedApply' | 'simulation'>>;
  /** The bundle's files, for whoever runs code of this project. */
  bundle(bundleDigest: string): Promise<ProjectManifest['bundle']>;
  plan(project: string, manifest: ProjectManifest): Promise<ProjectPlan>;
  apply(project: string, manifest: ProjectManifest, actor: string): Promise<ProjectPlan & { applyNumber: number }>;
  destroy(project: string, actor: string): Promise<Pick<ProjectPlan, 'project' | 'diffs'>>;
  /** The project that owns a resource, and the commit it was last applied from. For lineage. */
  findOwner(
    kind: string,
    name: string,
  ): Promise<
    { project: string; source: SourceCommit | undefined; bundleDigest: string; applyNumber: number } | undefined
  >;
}

export function createProjects(deps: {
  readonly db: Db;
  readonly objects: Objects;
  readonly kinds: readonly AnyResourceKind[];
  readonly operations: ProjectOperations;
}): Projects {
  const { db, objects, kinds } = deps;
  const tables = () => db.read<ProjectTables>();

  const get = async (name: string): Promise<Project> => {
    const row = await tables().selectFrom('projects_project').selectAll().where('name', '=', name).executeTakeFirst();
    if (!row)
      throw new SlipwayError('not_found', {
        noun: 'project',
        name,
        remedy: '`slipway apply` in its folder creates it.',
      });
    const resources = await listResources(tables(), name);
    return {
      name,
      appliedAt: row.applied_at,
      appliedBy: row.applied_by,
      applyNumber: row.apply_number,
      bundleDigest: row.bundle_digest,
      ...(row.source === null ? {} : { source: sourceOf(row.source) }),
      ...(row.simulation_of === null || row.expires_at === null
        ? {}
        : { simulation: { of: row.simulation_of, expiresAt: row.expires_at } }),
      resources: resources.map(({ kind, name: resource, digest }) => ({ kind, name: resource, digest })),
    };
  };

  /** Checks every declaration against its kind and gives it its digest. */
  const want = (manifest: ProjectManifest): WantedResource[] => {
    const seen = new Set<string>();
    return manifest.resources.map(({ kind, name, spec }) => {
      const known = kinds.find((k) => k.kind === kind);
      if (!known)
        throw new SlipwayError('resource_kind_unknown', { kind, name, known: kinds.map((k) => k.kind).join(', ') });
      if (seen.has(`${kind}/${name}`)) throw new SlipwayError('resource_declared_twice', { kind, name });
      seen.add(`${kind}/${name}`);
      known.parse(name, spec);
      return { kind, name, spec, digest: digestOfJson(spec) };
    });
  };

  const checkOwners = async (project: string, wanted: readonly WantedResource[]): Promise<void> => {
    for (const { kind, name } of wanted) {
      const row = await tables()
        .selectFrom('projects_resource')
        .select('project')
        .where('kind', '=', kind)
        .where('name', '=', name)
        .executeTakeFirst();
      if (row && row.project !== project)
        throw new SlipwayError('resource_owned_elsewhere', { kind, name, owner: row.project });
    }
  };

  const plan = async (
    project: string,
    manifest: ProjectManifest,
  ): Promise<ProjectPlan & { wanted: WantedResource[] }> => {
    const wanted = want(manifest);
    await checkOwners(project, wanted);
    for (const { path } of manifest.bundle) {
      if (!/^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[^\\\0]+$/.test(path))
        throw new SlipwayError('bundle_path_invalid', { path });
    }
    const missing: string[] = [];
    for (const digest of new Set(manifest.bundle.map((f) => f.digest))) {
      if (!(await objects.find(digest))) missing.push(digest);
    }
    const bundleDigest = digestOfJson([...manifest.bundle].sort((a, b) => (a.path < b.path ? -1 : 1)));
    const row = await tables()
      .selectFrom('projects_project')
      .select(['apply_number', 'bundle_digest', 'source'])
      .where('name', '=', project)
      .executeTakeFirst();
    const source = sourceOf(row?.source);
    return {
      project,
      diffs: diffResources(await listResources(tables(), project), wanted),
      bundleDigest,
      serverApply: row?.apply_number ?? 0,
      ...(source === undefined ? {} : { serverSource: source }),
      codeChanged: row?.bundle_digest !== bundleDigest,
      missingObjects: missing,
      wanted,
    };
  };

  const bundle = async (bundleDigest: string): Promise<ProjectManifest['bundle']> => {
    const row = await tables()
      .selectFrom('projects_bundle')
      .select('files')
      .where('digest', '=', bundleDigest)
      .executeTakeFirst();
    if (!row)
      throw new SlipwayError('not_found', {
        noun: 'code bundle',
        name: bundleDigest,
        remedy: 'Apply the project again.',
      });
    return JSON.parse(row.files) as ProjectManifest['bundle'];
  };

  return {
    get,
    list: async () => {
      const rows = await tables().selectFrom('projects_project').select('name').orderBy('name').limit(1000).execute();
      return Promise.all(rows.map((r) => get(r.name)));
    },
    bundle,
    manifest: async (name) => {
      const { bundleDigest, source } = await get(name);
      const resources = await listResources(tables(), name);
      return {
        // What is stored came through an apply, so it is JSON.
        resources: resources.map(({ kind, name: resource, spec }) => ({
          kind,
          name: resource,
          spec: z.json().parse(spec),
        })),
        bundle: await bundle(bundleDigest),
        ...(source === undefined ? {} : { source }),
      };
    },
    plan: async (project, manifest) => {
      const { wanted: _, ...answer } = await plan(project, manifest);
      return answer;
    },
    apply: async (project, manifest, actor) => {
      const { wanted, ...answer } = await plan(project, manifest);
      const digest = answer.missingObjects[0];
      if (digest !== undefined)
        throw new SlipwayError('bundle_incomplete', { count: answer.missingObjects.length, digest });
      const { applyNumber } = await db.write(deps.operations.apply, {
        project,
        actor,
        wanted,
        bundleDigest: answer.bundleDigest,
        bundle: manifest.bundle,
        source: manifest.source,
        expectedApply: manifest.expectedApply,
        simulation: manifest.simulation,
      });
      return { ...answer, applyNumber };
    },
    destroy: async (project, actor) => {
      const { changed } = await db.write(deps.operations.destroy, { project, actor });
      return { project, diffs: changed.map((c) => ({ ...c, changes: [] })) };
    },
    findOwner: async (kind, name) => {
      const row = await tables()
        .selectFrom('projects_resource')
        .innerJoin('projects_project', 'projects_project.name', 'projects_resource.project')
        .select(['projects_project.name', 'source', 'bundle_digest', 'apply_number'])
        .where('projects_resource.kind', '=', kind)
        .where('projects_resource.name', '=', name)
        .executeTakeFirst();
      if (!row) return undefined;
      return {
        project: row.name,
        source: sourceOf(row.source),
        bundleDigest: row.bundle_digest,
        applyNumber: row.apply_number,
      };
    },
  };
}

function diffResources(stored: readonly StoredResource[], wanted: readonly WantedResource[]): ResourceDiff[] {
  const key = (r: { kind: string; name: string }): string => `${r.kind}/${r.name}`;
  const before = new Map(stored.map((r) => [key(r), r]));
  const after = new Set(wanted.map(key));
  const diffs = wanted.map((w): ResourceDiff => {
    const old = before.get(key(w));
    const { kind, name } = w;
    if (!old) return { kind, name, action: 'create', changes: [] };
    if (old.digest === w.digest) return { kind, name, action: 'none', changes: [] };
    return { kind, name, action: 'update', changes: diffPaths(old.spec, w.spec, 50) };
  });
  const gone = stored.filter((r) => !after.has(key(r)));
  return [...diffs, ...gone.map(({ kind, name }): ResourceDiff => ({ kind, name, action: 'delete', changes: [] }))];
}
