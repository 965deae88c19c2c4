/** Feature sets and their definitions in the database. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceChange, ResourceKind } from '../projects/index.ts';
import type { Definition } from './definition.ts';
import { definitionDigest, parseDefinition } from './definition.ts';

export interface FeaturesTables {
  features_set: {
    name: string;
    digest: string;
    project: string | null;
    updated_at: number;
    updated_by: string;
    simulation_of: string | null;
  };
  features_definition: { digest: string; definition: string; created_at: number };
}

export interface StoredSet {
  readonly name: string;
  readonly digest: string;
  readonly project: string | undefined;
  readonly updatedAt: number;
  /** The endpoint that is imitated, where the set is the copy that a simulation reads. */
  readonly simulationOf: string | undefined;
  readonly definition: Definition;
}

/** Declared sets after `afterName`, by name. */
export async function listSets(
  tables: Kysely<FeaturesTables>,
  page: { readonly afterName?: string | undefined; readonly name?: string | undefined; readonly limit: number },
): Promise<StoredSet[]> {
  let query = tables
    .selectFrom('features_set')
    .innerJoin('features_definition', 'features_definition.digest', 'features_set.digest')
    .select([
      'features_set.name',
      'features_set.digest',
      'features_set.project',
      'features_set.updated_at',
      'features_set.simulation_of',
      'features_definition.definition',
    ])
    .where('features_set.project', 'is not', null)
    .orderBy('features_set.name')
    .limit(page.limit);
  if (page.name !== undefined) query = query.where('features_set.name', '=', page.name);
  if (page.afterName !== undefined) query = query.where('features_set.name', '>', page.afterName);
  const rows = await query.execute();
  return rows.map((row) => ({
    name: row.name,
    digest: row.digest,
    project: row.project ?? undefined,
    updatedAt: row.updated_at,
    simulationOf: row.simulation_of ?? undefined,
    // The canonical form was checked when it was stored.
    definition: JSON.parse(row.definition) as Definition,
  }));
}

/** Name and digest of every declared set: cheap enough to be asked after each commit. */
export async function listDigests(tables: Kysely<FeaturesTables>): Promise<{ name: string; digest: string }[]> {
  return tables
    .selectFrom('features_set')
    .select(['name', 'digest'])
    .where('project', 'is not', null)
    .orderBy('name')
    .execute();
}

async function saveSet(
  trx: Trx,
  { spec: definition, project, actor, simulationOf }: ResourceChange & { readonly spec: Definition },
): Promise<void> {
  const digest = definitionDigest(definition);
  const tables = trx.tables<FeaturesTables>();
  await tables
    .insertInto('features_definition')
    .values({ digest, definition: JSON.stringify(definition), created_at: trx.now })
    .onConflict((conflict) => conflict.column('digest').doNothing())
    .execute();
  const facts = {
    digest,
    project,
    updated_at: trx.now,
    updated_by: actor,
    simulation_of: simulationOf ?? null,
  };
  await tables
    .insertInto('features_set')
    .values({ name: definition.features, ...facts })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(facts))
    .execute();
  await trx.emit({
    kind: 'feature-set.applied',
    actor,
    subject: `feature-set:${definition.features}`,
    body: { set: definition.features, digest, project, services: Object.keys(definition.services) },
  });
}

/** Notes in the ledger that the online state was replaced. */
export const recordBackfill = operation(
  'features.record-backfill',
  async (
    trx,
    input: {
      set: string;
      digest: string;
      tables: Record<string, string>;
      until: number;
      rows: number;
      actor: string;
      simulationOf?: string;
    },
  ): Promise<void> => {
    const { actor, set, ...body } = input;
    await trx.emit({ kind: 'feature-set.backfilled', actor, subject: `feature-set:${set}`, body: { set, ...body } });
  },
);

/** `features:` of slipway.yaml: the content of a features.yaml, under the name that it gives itself. */
export const featureSetKind: ResourceKind<Definition> = {
  kind: 'feature-set',
  parse: (name, spec) => {
    const definition = parseDefinition(spec);
    if (definition.features === name) return definition;
    const problem = `its definition calls itself "${definition.features}". Give both the same name`;
    throw new SlipwayError('resource_invalid', { kind: 'feature set', name, problem });
  },
  apply: saveSet,
  remove: async (trx, { name, actor, project }) => {
    const tables = trx.tables<FeaturesTables>();
    if (!(await eraseSimulated(tables, name)))
      await tables
        .updateTable('features_set')
        .set({ project: null, updated_at: trx.now, updated_by: actor })
        .where('name', '=', name)
        .execute();
    await trx.emit({
      kind: 'feature-set.removed',
      actor,
      subject: `feature-set:${name}`,
      body: { set: name, project },
    });
  },
};

/** A simulation leaves nothing but its events: its definition carries the copy's name, so nothing else refers to it. */
async function eraseSimulated(tables: Kysely<FeaturesTables>, name: string): Promise<boolean> {
  const erased = await tables
    .deleteFrom('features_set')
    .where('name', '=', name)
    .where('simulation_of', 'is not', null)
    .returning('digest')
    .executeTakeFirst();
  if (erased === undefined) return false;
  await tables.deleteFrom('features_definition').where('digest', '=', erased.digest).execute();
  return true;
}

export const featuresStore: StoreModule = {
  name: 'features',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [recordBackfill],
};
