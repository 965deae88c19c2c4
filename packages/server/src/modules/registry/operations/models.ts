import type { AliasRules, GateSpec } from '@slipway/contract';
import { canonicalJson, SlipwayError } from '@slipway/contract';
import { digestOfBytes } from '../../../lib/digest.ts';
import { declaredId } from '../../../lib/declared-id.ts';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { RegistryTables } from '../tables.ts';
import { waitingAliases, withdrawApprovals } from './approval-rows.ts';

export interface ModelRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly gate: string | null;
  readonly gate_digest: string | null;
  readonly alias_rules: string | null;
  readonly project: string | null;
  readonly last_number: number;
}

export async function findModelRow(trx: Trx, of: string | { readonly id: number }): Promise<ModelRow | undefined> {
  const rows = trx
    .tables<RegistryTables>()
    .selectFrom('registry_model')
    .select(['id', 'uid', 'name', 'gate', 'gate_digest', 'alias_rules', 'project', 'last_number']);
  const query = typeof of === 'string' ? rows.where('name', '=', of) : rows.where('id', '=', of.id);
  // The row is the lock of everything about this model: numbers, aliases, gates.
  return (trx.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
}

export async function mustModelRow(trx: Trx, name: string): Promise<ModelRow> {
  const row = await findModelRow(trx, name);
  if (row) return row;
  throw new SlipwayError('not_found', { noun: 'model', name, remedy: 'GET /api/models lists them.' });
}

export interface NewModel {
  readonly uid: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly actor: string;
}

export async function insertModel(trx: Trx, input: NewModel): Promise<ModelRow> {
  await trx
    .tables<RegistryTables>()
    .insertInto('registry_model')
    .values({
      uid: input.uid,
      name: input.name,
      description: input.description ?? null,
      gate: null,
      gate_digest: null,
      alias_rules: null,
      project: null,
      last_number: 0,
      created_at: trx.now,
      updated_at: trx.now,
      created_by: input.actor,
    })
    .execute();
  const row = await mustModelRow(trx, input.name);
  await writeTags(trx, row.id, 0, input.tags);
  await trx.emit({
    kind: 'model.created',
    actor: input.actor,
    subject: `model:${input.name}`,
    body: { id: input.uid },
  });
  return row;
}

export const createModel = operation('registry.create-model', async (trx, input: NewModel) => {
  if (await findModelRow(trx, input.name))
    throw new SlipwayError('already_exists', { noun: 'model', name: input.name });
  await insertModel(trx, input);
});

export async function writeTags(
  trx: Trx,
  modelId: number,
  number: number,
  tags: Readonly<Record<string, string | null>>,
): Promise<void> {
  const tables = trx.tables<RegistryTables>();
  for (const [key, value] of Object.entries(tags)) {
    if (value === null) {
      await tables
        .deleteFrom('registry_tag')
        .where('model_id', '=', modelId)
        .where('number', '=', number)
        .where('key', '=', key)
        .execute();
    } else {
      await tables
        .insertInto('registry_tag')
        .values({ model_id: modelId, number, key, value })
        .onConflict((c) => c.columns(['model_id', 'number', 'key']).doUpdateSet({ value }))
        .execute();
    }
  }
}

export interface ModelChange {
  readonly name: string;
  readonly rename?: string | undefined;
  readonly description?: string | undefined;
  /** null removes a tag. */
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
  readonly actor: string;
}

export const changeModel = operation('registry.change-model', async (trx, input: ModelChange) => {
  const model = await mustModelRow(trx, input.name);
  const rename = input.rename !== undefined && input.rename !== input.name ? input.rename : undefined;
  if (rename !== undefined) {
    if (model.project !== null) throw declaredError(model, 'renamed');
    if (await findModelRow(trx, rename)) throw new SlipwayError('already_exists', { noun: 'model', name: rename });
  }
  await trx
    .tables<RegistryTables>()
    .updateTable('registry_model')
    .set({
      updated_at: trx.now,
      ...(rename === undefined ? {} : { name: rename }),
      ...(input.description === undefined ? {} : { description: input.description }),
    })
    .where('id', '=', model.id)
    .execute();
  await writeTags(trx, model.id, 0, input.tags ?? {});
  if (rename !== undefined) {
    await trx.emit({
      kind: 'model.renamed',
      actor: input.actor,
      subject: `model:${rename}`,
      body: { from: input.name, id: model.uid },
    });
  }
});

function declaredError(model: ModelRow, what: string): SlipwayError {
  return new SlipwayError('conflict', {
    problem: `Model "${model.name}" is declared by project "${model.project ?? ''}", so it cannot be ${what} here. Change slipway.yaml and apply.`,
  });
}

/** Deletes the model with its versions, aliases and gates. The files stay in the object store until nothing refers to them. */
export const deleteModel = operation('registry.delete-model', async (trx, input: { name: string; actor: string }) => {
  const model = await mustModelRow(trx, input.name);
  if (model.project !== null) throw declaredError(model, 'deleted');
  const tables = trx.tables<RegistryTables>();
  const versions = await tables.selectFrom('registry_version').select('id').where('model_id', '=', model.id).execute();
  for (const { id } of versions) {
    await tables.deleteFrom('registry_file').where('version_id', '=', id).execute();
    await tables.deleteFrom('registry_version_dataset').where('version_id', '=', id).execute();
  }
  await tables.deleteFrom('registry_version').where('model_id', '=', model.id).execute();
  await tables.deleteFrom('registry_alias').where('model_id', '=', model.id).execute();
  await tables.deleteFrom('registry_tag').where('model_id', '=', model.id).execute();
  await tables.deleteFrom('registry_gate').where('model_id', '=', model.id).execute();
  await tables.deleteFrom('registry_approval').where('model_id', '=', model.id).execute();
  await tables.deleteFrom('registry_model').where('id', '=', model.id).execute();
  await trx.emit({
    kind: 'model.deleted',
    actor: input.actor,
    subject: `model:${input.name}`,
    body: { id: model.uid, versions: versions.length },
  });
});

/** The declaration in a project file: creates the model, or changes its gate and what its aliases ask for. */
export async function declareModel(
  trx: Trx,
  input: {
    readonly name: string;
    readonly description: string | undefined;
    readonly gate: GateSpec | undefined;
    readonly aliases: AliasRules | undefined;
    readonly project: string;
    readonly actor: string;
  },
): Promise<void> {
  const { name, description, gate, aliases } = input;
  const found = await findModelRow(trx, name);
  const model =
    found ??
    (await insertModel(trx, {
      uid: declaredId('model', trx.now, name),
      name,
      description,
      tags: {},
      actor: input.actor,
    }));
  const text = gate === undefined ? null : canonicalJson(gate);
  const digest = text === null ? null : digestOfBytes(text);
  const rules = aliases === undefined ? null : canonicalJson(aliases);
  await trx
    .tables<RegistryTables>()
    .updateTable('registry_model')
    .set({
      gate: text,
      gate_digest: digest,
      alias_rules: rules,
      project: input.project,
      updated_at: trx.now,
      ...(description === undefined ? {} : { description }),
    })
    .where('id', '=', model.id)
    .execute();
  if (digest !== model.gate_digest) {
    await trx.emit({
      kind: 'model.gate-declared',
      actor: input.actor,
      subject: `model:${name}`,
      body: { project: input.project, from: model.gate_digest, to: digest },
    });
  }
  if (rules !== model.alias_rules) await changeRules(trx, model, { ...input, aliases: aliases ?? {} });
}

/** Requests for aliases that ask for nothing any more are withdrawn: whoever wants the move makes it. */
async function changeRules(
  trx: Trx,
  model: ModelRow,
  {
    aliases,
    project,
    actor,
  }: { readonly aliases: AliasRules; readonly project: string | null; readonly actor: string },
): Promise<void> {
  await trx.emit({
    kind: 'model.approvals-declared',
    actor,
    subject: `model:${model.name}`,
    body: { project, aliases: Object.keys(aliases) },
  });
  const why = 'The project asks for no approval of this alias any more.';
  for (const alias of await waitingAliases(trx, model.id))
    if (aliases[alias] === undefined) await withdrawApprovals(trx, model, { alias, why, actor });
}

/** What came of it stays; nothing is asked of its aliases any more. */
export async function undeclareModel(
  trx: Trx,
  input: { readonly name: string; readonly actor: string },
): Promise<void> {
  const model = await findModelRow(trx, input.name);
  if (model === undefined) return;
  await trx
    .tables<RegistryTables>()
    .updateTable('registry_model')
    .set({ project: null, gate: null, gate_digest: null, alias_rules: null, updated_at: trx.now })
    .where('id', '=', model.id)
    .execute();
  if (model.alias_rules !== null) await changeRules(trx, model, { aliases: {}, project: null, actor: input.actor });
}
