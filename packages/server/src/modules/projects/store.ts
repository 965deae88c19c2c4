/**
 * The applied state of projects. `projects.apply` is one transaction over every kind of resource: each kind's own `apply`
 * writes its own tables, and either all of it happens or nothing does.
 */
import { join } from 'node:path';
import type { ProjectManifest, ProjectSimulation, ResourceDiff } from '@slipway/contract';
import { canonicalJson, SlipwayError, SourceCommit } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { Operation, StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { AnyResourceKind } from './resource.ts';

export interface ProjectTables {
  projects_project: {
    name: string;
    apply_number: number;
    applied_at: number;
    applied_by: string;
    bundle_digest: string;
    source: string | null;
    simulation_of: string | null;
    /** Of a simulation; null of every other project. */
    expires_at: number | null;
  };
  projects_bundle: { digest: string; files: string };
  projects_resource: { kind: string; name: string; project: string; digest: string; spec: string; applied_at: number };
  projects_apply: {
    project: string;
    apply_number: number;
    applied_at: number;
    applied_by: string;
    bundle_digest: string;
    source: string | null;
    manifest: string;
  };
}

export interface StoredResource {
  readonly kind: string;
  readonly name: string;
  readonly project: string;
  readonly digest: string;
  readonly spec: unknown;
}

/** A declared resource with its digest, ready to be compared with the stored one. */
export interface WantedResource {
  readonly kind: string;
  readonly name: string;
  readonly digest: string;
  readonly spec: unknown;
}

export interface ApplyInput {
  readonly project: string;
  readonly actor: string;
  readonly wanted: readonly WantedResource[];
  readonly bundleDigest: string;
  readonly bundle: ProjectManifest['bundle'];
  readonly source: SourceCommit | undefined;
  /** Refuse when the project stands elsewhere. */
  readonly expectedApply: number | undefined;
  readonly simulation: ProjectSimulation | undefined;
}

export interface ApplyResult {
  readonly applyNumber: number;
  readonly changed: readonly Pick<ResourceDiff, 'kind' | 'name' | 'action'>[];
}

export async function listResources(tables: Kysely<ProjectTables>, project: string): Promise<StoredResource[]> {
  const rows = await tables
    .selectFrom('projects_resource')
    .selectAll()
    .where('project', '=', project)
    .orderBy('kind')
    .orderBy('name')
    .execute();
  return rows.map((r) => ({
    kind: r.kind,
    name: r.name,
    project: r.project,
    digest: r.digest,
    spec: JSON.parse(r.spec) as unknown,
  }));
}

async function ownerOf(tables: Kysely<ProjectTables>, kind: string, name: string): Promise<string | undefined> {
  const row = await tables
    .selectFrom('projects_resource')
    .select('project')
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.project;
}

async function removeResource(
  trx: Trx,
  kind: AnyResourceKind,
  change: { name: string; project: string; actor: string },
): Promise<void> {
  await kind.remove(trx, change);
  await trx
    .tables<ProjectTables>()
    .deleteFrom('projects_resource')
    .where('kind', '=', kind.kind)
    .where('name', '=', change.name)
    .execute();
}

async function putResource(trx: Trx, kind: AnyResourceKind, input: ApplyInput, wanted: WantedResource): Promise<void> {
  const { project, actor, simulation } = input;
  const spec = kind.parse(wanted.name, wanted.spec);
  const { name, digest } = wanted;
  await kind.apply(trx, { name, spec, digest, project, actor, simulationOf: simulation?.of });
  const row = { digest: wanted.digest, spec: canonicalJson(wanted.spec), applied_at: trx.now };
  await trx
    .tables<ProjectTables>()
    .insertInto('projects_resource')
    .values({ kind: wanted.kind, name: wanted.name, project, ...row })
    .onConflict((c) => c.columns(['kind', 'name']).doUpdateSet(row))
    .execute();
}

/** The stored source of an apply. */
export const sourceOf = (text: string | null | undefined): SourceCommit | undefined =>
  text === null || text === undefined ? undefined : SourceCommit.parse(JSON.parse(text));

async function checkExpected(tables: Kysely<ProjectTables>, input: ApplyInput): Promise<void> {
  const { project, expectedApply: expected } = input;
  if (expected === undefined) return;
  const row = await tables
    .selectFrom('projects_project')
    .select(['apply_number', 'applied_by', 'source'])
    .where('name', '=', project)
    .executeTakeFirst();
  const found = row?.apply_number ?? 0;
  if (found === expected) return;
  throw new SlipwayError('project_moved', {
    project,
    found,
    expected,
    appliedBy: row?.applied_by ?? 'nobody',
    commit: sourceOf(row?.source)?.commit.slice(0, 12) ?? 'none',
  });
}

/** Events of a simulation say of what, so that policies overlook them; a kind that says it more exactly is not overruled. */
function tellingSimulation(trx: Trx, simulationOf: string | null | undefined): Trx {
  if (simulationOf === null || simulationOf === undefined) return trx;
  return { ...trx, emit: (event) => trx.emit({ ...event, body: { simulationOf, ...event.body } }) };
}

/** A simulation ends by itself: no project becomes one, and none stays by being applied without its end. */
async function checkSimulation(tables: Kysely<ProjectTables>, { project, simulation }: ApplyInput): Promise<void> {
  const row = await tables
    .selectFrom('projects_project')
    .select('simulation_of')
    .where('name', '=', project)
    .executeTakeFirst();
  const declared = simulation?.of ?? null;
  if (row === undefined || row.simulation_of === declared) return;
  const words = (of: string | null): string => (of === null ? 'no simulation' : `a simulation of ${of}`);
  throw new SlipwayError('project_kind_differs', {
    project,
    found: words(row.simulation_of),
    declared: words(declared),
  });
}

async function writeProject(trx: Trx, input: ApplyInput): Promise<number> {
  const tables = trx.tables<ProjectTables>();
  // Of all applies ever: a project that was destroyed and applied again counts on.
  const last = await tables
    .selectFrom('projects_apply')
    .select('apply_number')
    .where('project', '=', input.project)
    .orderBy('apply_number', 'desc')
    .limit(1)
    .executeTakeFirst();
  const applyNumber = (last?.apply_number ?? 0) + 1;
  const source = input.source === undefined ? null : JSON.stringify(input.source);
  const facts = {
    apply_number: applyNumber,
    applied_at: trx.now,
    applied_by: input.actor,
    bundle_digest: input.bundleDigest,
    source,
  };
  const simulation = { simulation_of: input.simulation?.of ?? null, expires_at: expiryOf(trx, input) };
  await tables
    .insertInto('projects_project')
    .values({ name: input.project, ...facts, ...simulation })
    .onConflict((c) => c.column('name').doUpdateSet({ ...facts, ...simulation }))
    .execute();
  await tables
    .insertInto('projects_apply')
    .values({ project: input.project, ...facts, manifest: JSON.stringify(input.wanted) })
    .execute();
  await tables
    .insertInto('projects_bundle')
    .values({ digest: input.bundleDigest, files: JSON.stringify(input.bundle) })
    .onConflict((c) => c.column('digest').doNothing())
    .execute();
  return applyNumber;
}

const expiryOf = (trx: Trx, { simulation }: ApplyInput): number | null =>
  simulation === undefined ? null : trx.now + simulation.keepMs;

export interface ProjectOperations {
  readonly apply: Operation<ApplyInput, ApplyResult>;
  readonly destroy: Operation<{ project: string; actor: string }, ApplyResult>;
  /** Destroys simulations whose time is over, at most ten; answers with how many. */
  readonly expire: Operation<Record<string, never>, number>;
}

/** Simulations that end in one transaction. */
const expiredPerSweep = 10;

/** `kinds` in the order in which they are applied; removal runs the other way. */
export function createProjectOperations(kinds: readonly AnyResourceKind[]): ProjectOperations {
  const kindOf = (name: string): AnyResourceKind => {
    const kind = kinds.find((k) => k.kind === name);
    if (kind === undefined)
      throw new SlipwayError('resource_kind_unknown', {
        kind: name,
        name: '',
        known: kinds.map((k) => k.kind).join(', '),
      });
    return kind;
  };
  const rank = (name: string): number => kinds.findIndex((k) => k.kind === name);

  const apply = operation('projects.apply', async (plain, input: ApplyInput): Promise<ApplyResult> => {
    const trx = tellingSimulation(plain, input.simulation?.of);
    const tables = trx.tables<ProjectTables>();
    await checkExpected(tables, input);
    await checkSimulation(tables, input);
    const stored = await listResources(tables, input.project);
    const key = (r: { kind: string; name: string }): string => `${r.kind}/${r.name}`;
    const wantedKeys = new Set(input.wanted.map(key));
    const storedDigest = new Map(stored.map((r) => [key(r), r.digest]));
    const changed: { kind: string; name: string; action: ResourceDiff['action'] }[] = [];
    for (const old of [...stored].sort((a, b) => rank(b.kind) - rank(a.kind))) {
      if (wantedKeys.has(key(old))) continue;
      await removeResource(trx, kindOf(old.kind), { name: old.name, project: input.project, actor: input.actor });
      changed.push({ kind: old.kind, name: old.name, action: 'delete' });
    }
    for (const wanted of [...input.wanted].sort((a, b) => rank(a.kind) - rank(b.kind))) {
      const before = storedDigest.get(key(wanted));
      if (before === wanted.digest) continue;
      const owner = await ownerOf(tables, wanted.kind, wanted.name);
      if (owner !== undefined && owner !== input.project) {
        throw new SlipwayError('resource_owned_elsewhere', { kind: wanted.kind, name: wanted.name, owner });
      }
      await putResource(trx, kindOf(wanted.kind), input, wanted);
      changed.push({ kind: wanted.kind, name: wanted.name, action: before === undefined ? 'create' : 'update' });
    }
    const project = await tables
      .selectFrom('projects_project')
      .select(['apply_number', 'bundle_digest'])
      .where('name', '=', input.project)
      .executeTakeFirst();
    if (changed.length === 0 && project?.bundle_digest === input.bundleDigest) {
      if (input.simulation !== undefined)
        await tables
          .updateTable('projects_project')
          .set({ expires_at: expiryOf(trx, input) })
          .where('name', '=', input.project)
          .execute();
      return { applyNumber: project.apply_number, changed };
    }
    const applyNumber = await writeProject(trx, input);
    await trx.emit({
      kind: 'project.applied',
      actor: input.actor,
      subject: `project:${input.project}`,
      body: {
        applyNumber,
        bundleDigest: input.bundleDigest,
        commit: input.source?.commit ?? null,
        dirty: input.source?.dirty ?? null,
        changed: changed.slice(0, 200),
      },
    });
    return { applyNumber, changed };
  });

  /** The project's own row is gone already, so that of two who destroy it one finds nothing. */
  const removeAll = async (
    plain: Trx,
    { project, simulationOf, actor }: { project: string; simulationOf: string | null; actor: string },
  ): Promise<ApplyResult['changed']> => {
    const trx = tellingSimulation(plain, simulationOf);
    const stored = await listResources(trx.tables<ProjectTables>(), project);
    for (const old of stored.sort((a, b) => rank(b.kind) - rank(a.kind)))
      await removeResource(trx, kindOf(old.kind), { name: old.name, project, actor });
    const changed = stored.map(({ kind, name }) => ({ kind, name, action: 'delete' as const }));
    await trx.emit({
      kind: 'project.destroyed',
      actor,
      subject: `project:${project}`,
      body: { changed: changed.slice(0, 200) },
    });
    return changed;
  };

  const destroy = operation(
    'projects.destroy',
    async (trx, { project, actor }: { project: string; actor: string }): Promise<ApplyResult> => {
      const removed = await trx
        .tables<ProjectTables>()
        .deleteFrom('projects_project')
        .where('name', '=', project)
        .returning(['apply_number', 'simulation_of'])
        .executeTakeFirst();
      if (!removed)
        throw new SlipwayError('not_found', {
          noun: 'project',
          name: project,
          remedy: '`slipway plan` shows what a folder would create.',
        });
      const changed = await removeAll(trx, { project, simulationOf: removed.simulation_of, actor });
      return { applyNumber: removed.apply_number, changed };
    },
  );

  const expire = operation('projects.expire-simulations', async (trx, _: Record<string, never>): Promise<number> => {
    const tables = trx.tables<ProjectTables>();
    const due = await tables
      .selectFrom('projects_project')
      .select('name')
      .where('expires_at', '<=', trx.now)
      .orderBy('expires_at')
      .limit(expiredPerSweep)
      .execute();
    let ended = 0;
    for (const { name: project } of due) {
      // Renewed or ended by another since: the row says so under its lock.
      const removed = await tables
        .deleteFrom('projects_project')
        .where('name', '=', project)
        .where('expires_at', '<=', trx.now)
        .returning('simulation_of')
        .executeTakeFirst();
      if (removed === undefined) continue;
      await removeAll(trx, { project, simulationOf: removed.simulation_of, actor: 'system:simulations' });
      ended++;
    }
    return ended;
  });
  return { apply, destroy, expire };
}

export function projectsStore(operations: ProjectOperations): StoreModule {
  return {
    name: 'projects',
    migrations: join(import.meta.dirname, 'migrations'),
    operations: [operations.apply, operations.destroy, operations.expire],
  };
}
