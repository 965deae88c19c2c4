import type { Lineage, ModelFile, modelStages, ModelSignature } from '@slipway/contract';
import { digestPattern, namePattern, SlipwayError } from '@slipway/contract';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { RegistryTables } from '../tables.ts';
import { aliasRulesOf, approvalRuleOf, askApproval, withdrawApprovals } from './approval-rows.ts';
import { aliasNumber, checkProtected, gateSpecOf } from './gates.ts';
import type { ModelRow } from './models.ts';
import { findModelRow, insertModel, mustModelRow, writeTags } from './models.ts';

export type Stage = (typeof modelStages)[number];

export interface VersionRow {
  readonly id: number;
  readonly uid: string;
  readonly number: number;
  readonly stage: string;
  readonly gate_uid: string | null;
}

export async function mustVersionRow(trx: Trx, model: ModelRow, number: number): Promise<VersionRow> {
  const row = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_version')
    .select(['id', 'uid', 'number', 'stage', 'gate_uid'])
    .where('model_id', '=', model.id)
    .where('number', '=', number)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (row) return row;
  throw new SlipwayError('not_found', {
    noun: `version of model "${model.name}"`,
    name: String(number),
    remedy: `The last number given was ${model.last_number}.`,
  });
}

export interface NewVersion {
  readonly uid: string;
  readonly model: string;
  /** Registers the model under this id when it does not exist; without it an unknown model is refused. */
  readonly newModelUid: string | undefined;
  readonly files: readonly ModelFile[];
  readonly artifactDigest: string | undefined;
  readonly flavor: string;
  readonly signature: ModelSignature | undefined;
  readonly lineage: Lineage;
  readonly description: string | undefined;
  readonly runId: string | undefined;
  readonly loggedModelId: string | undefined;
  readonly source: string | undefined;
  readonly gateId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
  readonly actor: string;
}

/** Takes the next number. Everything about the version is written here, in one transaction, and its files never change. */
export const createVersion = operation('registry.create-version', async (trx, input: NewVersion): Promise<number> => {
  const model = await modelFor(trx, input);
  const tables = trx.tables<RegistryTables>();
  const number = model.last_number + 1;
  const gate = input.gateId === undefined ? undefined : await takeGate(trx, model, input.gateId, number);
  await tables
    .updateTable('registry_model')
    .set({ last_number: number, updated_at: trx.now })
    .where('id', '=', model.id)
    .execute();
  const { id } = await tables
    .insertInto('registry_version')
    .values({
      uid: input.uid,
      model_id: model.id,
      number,
      status: 'ready',
      stage: 'None',
      description: input.description ?? null,
      run_uid: input.runId ?? null,
      logged_model_uid: input.loggedModelId ?? null,
      source: input.source ?? null,
      flavor: input.flavor,
      artifact_digest: input.artifactDigest ?? null,
      signature: input.signature === undefined ? null : JSON.stringify(input.signature),
      lineage: JSON.stringify(input.lineage),
      gate_uid: input.gateId ?? null,
      created_at: trx.now,
      updated_at: trx.now,
      created_by: input.actor,
      deleted_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  for (const file of input.files) {
    await tables
      .insertInto('registry_file')
      .values({ version_id: id, path: file.path, digest: file.digest, size_bytes: file.sizeBytes })
      .execute();
  }
  await noteDatasets(trx, id, input.lineage);
  await writeTags(trx, model.id, number, input.tags);
  await trx.emit({
    kind: 'model.version-created',
    actor: input.actor,
    subject: input.uid,
    body: {
      model: input.model,
      version: number,
      number,
      artifactDigest: input.artifactDigest ?? null,
      runId: input.runId ?? null,
      gateId: input.gateId ?? null,
      gatePassed: gate?.passed ?? null,
      aliases: [...input.aliases],
      lineage: input.lineage,
    },
  });
  for (const alias of input.aliases)
    await setAlias(trx, { ...model, last_number: number }, { alias, number, reason: undefined, actor: input.actor });
  return number;
});

/** What no dataset version can be named by is not noted: a client may send any text, and nobody can ask for it. */
async function noteDatasets(trx: Trx, versionId: number, { datasetVersions = [] }: Lineage): Promise<void> {
  const tables = trx.tables<RegistryTables>();
  for (const { dataset, number, digest } of datasetVersions) {
    if (!namePattern.test(dataset) || !digestPattern.test(digest)) continue;
    await tables
      .insertInto('registry_version_dataset')
      .values({ dataset, number, digest, version_id: versionId })
      .onConflict((c) => c.doNothing())
      .execute();
  }
}

async function modelFor(trx: Trx, input: NewVersion): Promise<ModelRow> {
  const found = await findModelRow(trx, input.model);
  if (found) return found;
  if (input.newModelUid === undefined) return mustModelRow(trx, input.model);
  return insertModel(trx, {
    uid: input.newModelUid,
    name: input.model,
    description: undefined,
    tags: {},
    actor: input.actor,
  });
}

/** Marks the gate as this version's. A gate vouches for one version only. */
async function takeGate(
  trx: Trx,
  model: ModelRow,
  gateId: string,
  number: number,
): Promise<{ readonly passed: boolean }> {
  const tables = trx.tables<RegistryTables>();
  const gate = await tables
    .selectFrom('registry_gate')
    .select(['id', 'passed', 'number'])
    .where('uid', '=', gateId)
    .where('model_id', '=', model.id)
    .executeTakeFirst();
  if (!gate)
    throw new SlipwayError('not_found', {
      noun: `gate of model "${model.name}"`,
      name: gateId,
      remedy: `POST /api/models/${model.name}/gates judges one.`,
    });
  if (gate.number !== null)
    throw new SlipwayError('gate_used', { gate: gateId, version: gate.number, model: model.name });
  await tables.updateTable('registry_gate').set({ number }).where('id', '=', gate.id).execute();
  return { passed: gate.passed === 1 };
}

interface AliasTarget {
  readonly alias: string;
  readonly number: number;
  readonly reason: string | undefined;
  readonly actor: string;
}

/** What came of a wish to move an alias: it names the version now, or somebody has to approve first. */
export type AliasOutcome =
  | { readonly state: 'moved'; readonly previous: number | undefined }
  | {
      readonly state: 'waiting';
      readonly previous: number | undefined;
      readonly approval: string;
      readonly lapsesAt: number;
    };

async function setAlias(trx: Trx, model: ModelRow, target: AliasTarget): Promise<AliasOutcome> {
  const { alias, number } = target;
  const version = await mustVersionRow(trx, model, number);
  await checkProtected(trx, model, alias, version);
  const previous = await aliasNumber(trx, model.id, alias);
  if (previous === number) return { state: 'moved', previous };
  const rule = approvalRuleOf(model, alias);
  if (rule !== undefined) {
    const asked = await askApproval(trx, model, { ...target, versionId: version.uid, previous, rule });
    return { state: 'waiting', previous, approval: asked.uid, lapsesAt: asked.lapses_at };
  }
  await placeAlias(trx, model, { ...target, version, previous });
  return { state: 'moved', previous };
}

/** The move itself. The caller has asked the gate, and whoever has to approve. Other wishes for this alias end with it. */
export async function placeAlias(
  trx: Trx,
  model: ModelRow,
  move: AliasTarget & {
    readonly version: VersionRow;
    readonly previous: number | undefined;
    readonly approval?: string;
  },
): Promise<void> {
  const { alias, number } = move;
  await trx
    .tables<RegistryTables>()
    .insertInto('registry_alias')
    .values({ model_id: model.id, alias, number, moved_at: trx.now })
    .onConflict((c) => c.columns(['model_id', 'alias']).doUpdateSet({ number, moved_at: trx.now }))
    .execute();
  await trx.emit({
    kind: 'alias.moved',
    actor: move.actor,
    subject: `model:${model.name}`,
    body: {
      model: model.name,
      alias,
      version: number,
      number,
      versionId: move.version.uid,
      previous: move.previous ?? null,
      reason: move.reason ?? null,
      ...(move.approval === undefined ? {} : { approval: move.approval }),
    },
  });
  const why = `The alias was moved to version ${number} meanwhile.`;
  await withdrawApprovals(trx, model, { alias, why, actor: move.actor });
}

export interface AliasMove extends AliasTarget {
  readonly model: string;
}

/** Points an alias at a version inside a caller's transaction (a rollout moves traffic and alias together). */
export async function moveAliasIn(trx: Trx, input: AliasMove): Promise<AliasOutcome> {
  return setAlias(trx, await mustModelRow(trx, input.model), input);
}

export const moveAlias = operation('registry.move-alias', (trx, input: AliasMove) => moveAliasIn(trx, input));

export const deleteAlias = operation(
  'registry.delete-alias',
  async (trx, input: { model: string; alias: string; actor: string }): Promise<boolean> => {
    const model = await mustModelRow(trx, input.model);
    if (approvalRuleOf(model, input.alias) !== undefined) {
      const problem =
        'it cannot be taken away either. Point it at another version, or take the rule out of slipway.yaml.';
      throw new SlipwayError('approval_needed', { alias: input.alias, model: model.name, problem });
    }
    const gone = await trx
      .tables<RegistryTables>()
      .deleteFrom('registry_alias')
      .where('model_id', '=', model.id)
      .where('alias', '=', input.alias)
      .returning('number')
      .executeTakeFirst();
    if (!gone) return false;
    await trx.emit({
      kind: 'alias.removed',
      actor: input.actor,
      subject: `model:${model.name}`,
      body: { model: model.name, alias: input.alias, previous: gone.number },
    });
    return true;
  },
);

export interface VersionChange {
  readonly model: string;
  readonly number: number;
  readonly description?: string | undefined;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
  readonly stage?: Stage | undefined;
  /** With `stage`: moves the versions that hold it now to Archived. */
  readonly archiveExisting?: boolean | undefined;
  readonly actor: string;
}

export const changeVersion = operation('registry.change-version', async (trx, input: VersionChange) => {
  const model = await mustModelRow(trx, input.model);
  const version = await mustVersionRow(trx, model, input.number);
  // Production is what a champion was called before aliases: one protection for both, or the gate could be walked around.
  const champion = gateSpecOf(model)?.protected[0] ?? 'champion';
  if (input.stage === 'Production') {
    await checkProtected(trx, model, champion, version);
    if (
      approvalRuleOf(model, champion) !== undefined &&
      (await aliasNumber(trx, model.id, champion)) !== version.number
    ) {
      const problem = `the stage Production stands for it. Set the alias to version ${version.number} first, and have that approved.`;
      throw new SlipwayError('approval_needed', { alias: champion, model: model.name, problem });
    }
  }
  const tables = trx.tables<RegistryTables>();
  if (input.stage !== undefined && input.archiveExisting === true) {
    await tables
      .updateTable('registry_version')
      .set({ stage: 'Archived', updated_at: trx.now })
      .where('model_id', '=', model.id)
      .where('stage', '=', input.stage)
      .where('id', '!=', version.id)
      .execute();
  }
  await tables
    .updateTable('registry_version')
    .set({
      updated_at: trx.now,
      ...(input.description === undefined ? {} : { description: input.description }),
      ...(input.stage === undefined ? {} : { stage: input.stage }),
    })
    .where('id', '=', version.id)
    .execute();
  await tables.updateTable('registry_model').set({ updated_at: trx.now }).where('id', '=', model.id).execute();
  await writeTags(trx, model.id, input.number, input.tags ?? {});
  if (input.stage !== undefined && input.stage !== version.stage) {
    await trx.emit({
      kind: 'model.stage-changed',
      actor: input.actor,
      subject: version.uid,
      body: { model: model.name, version: input.number, from: version.stage, to: input.stage },
    });
  }
});

/** The row stays, without aliases and files, so that its number is never given again. */
export const deleteVersion = operation(
  'registry.delete-version',
  async (trx, input: { model: string; number: number; actor: string }) => {
    const model = await mustModelRow(trx, input.model);
    const version = await mustVersionRow(trx, model, input.number);
    const tables = trx.tables<RegistryTables>();
    const guarded = new Set([...(gateSpecOf(model)?.protected ?? []), ...Object.keys(aliasRulesOf(model))]);
    for (const alias of guarded) {
      if ((await aliasNumber(trx, model.id, alias)) === input.number)
        throw new SlipwayError('version_in_use', { version: input.number, model: model.name, use: `its ${alias}` });
    }
    await tables
      .deleteFrom('registry_alias')
      .where('model_id', '=', model.id)
      .where('number', '=', input.number)
      .execute();
    await tables
      .deleteFrom('registry_tag')
      .where('model_id', '=', model.id)
      .where('number', '=', input.number)
      .execute();
    await tables.deleteFrom('registry_file').where('version_id', '=', version.id).execute();
    await tables.deleteFrom('registry_version_dataset').where('version_id', '=', version.id).execute();
    const why = `Version ${input.number} was deleted.`;
    await withdrawApprovals(trx, model, { number: input.number, why, actor: input.actor });
    await tables
      .updateTable('registry_version')
      .set({ deleted_at: trx.now, updated_at: trx.now })
      .where('id', '=', version.id)
      .execute();
    await trx.emit({
      kind: 'model.version-deleted',
      actor: input.actor,
      subject: version.uid,
      body: { model: model.name, version: input.number },
    });
  },
);
