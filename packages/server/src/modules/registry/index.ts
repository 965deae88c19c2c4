/** The registry: models, immutable versions, aliases, and gates. */
import type {
  AliasAnswer,
  AliasApproval,
  Gate,
  GateEvidence,
  Lineage,
  ModelFile,
  ModelSignature,
  ModelVersion,
  RegisteredModel,
} from '@slipway/contract';
import { Alias, ModelName, SlipwayError } from '@slipway/contract';
import { digestOfJson } from '../../lib/digest.ts';
import type { Db } from '../../platform/db/db.ts';
import { retryUnique } from '../../platform/db/failure.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Tracking } from '../tracking/index.ts';
import { mlmodelLimitBytes, readModelDescription } from './mlmodel-file.ts';
import type { ApprovalDecision } from './operations/approvals.ts';
import { decideApproval, lapseApprovals } from './operations/approvals.ts';
import { recordGate } from './operations/gates.ts';
import { changeModel, createModel, deleteModel } from './operations/models.ts';
import type { Stage } from './operations/versions.ts';
import { changeVersion, createVersion, deleteAlias, deleteVersion, moveAlias } from './operations/versions.ts';
import type { RegistrySearch, SearchPage, VersionSearch } from './read.ts';
import {
  findModel,
  findVersionById,
  getGate,
  getModel,
  getVersion,
  listGates,
  searchModels,
  searchVersions,
  versionsTrainedOn,
} from './read.ts';
import type { ApprovalRange, ListedApproval } from './read-approvals.ts';
import { getApproval, listApprovals } from './read-approvals.ts';
import type { RegistryTables } from './tables.ts';

export { registryBinding } from './routes.ts';
export { versionFactsBinding } from './version-facts.ts';
export type { VersionFacts } from './version-facts.ts';
export { modelKind, moveAliasIn, registryStore, withdrawApprovalIn } from './store.ts';
export type { RegistrySearch, SearchPage } from './read.ts';
export type { ApprovalRange, ListedApproval } from './read-approvals.ts';
export type { ApprovalDecision } from './operations/approvals.ts';
export type { Stage } from './operations/versions.ts';

export interface RegistryDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly objects: Objects;
  readonly tracking: Pick<Tracking, 'artifacts' | 'getRun'>;
}

/** Where a version's files come from. */
export type VersionFiles =
  /** A file or folder of a run or of a logged model. */
  | { readonly from: 'artifacts'; readonly owner: string; readonly path: string }
  | { readonly from: 'object'; readonly digest: string; readonly fileName: string }
  /** Another version's files, with its flavor, signature and lineage where the request gives none: `name/3`, `name@alias`. */
  | { readonly from: 'version'; readonly ref: string }
  /** A version without files: a prompt, or a pointer to somewhere else. */
  | { readonly from: 'nothing' };

export interface VersionRequest {
  readonly model: string;
  readonly files: VersionFiles;
  /** An unknown model is created unless this is false. */
  readonly createModel?: boolean | undefined;
  readonly flavor?: string | undefined;
  readonly signature?: ModelSignature | undefined;
  readonly lineage?: Lineage | undefined;
  readonly description?: string | undefined;
  readonly runId?: string | undefined;
  readonly loggedModelId?: string | undefined;
  readonly source?: string | undefined;
  readonly gateId?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly aliases?: readonly string[] | undefined;
  readonly actor: string;
}

export interface Registry {
  createModel(request: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly tags?: Readonly<Record<string, string>> | undefined;
    readonly actor: string;
  }): Promise<RegisteredModel>;
  findModel(name: string): Promise<RegisteredModel | undefined>;
  getModel(name: string): Promise<RegisteredModel>;
  searchModels(search: RegistrySearch): Promise<SearchPage<RegisteredModel>>;
  changeModel(change: {
    readonly name: string;
    readonly rename?: string | undefined;
    readonly description?: string | undefined;
    readonly tags?: Readonly<Record<string, string | null>> | undefined;
    readonly actor: string;
  }): Promise<RegisteredModel>;
  deleteModel(name: string, actor: string): Promise<void>;

  createVersion(request: VersionRequest): Promise<ModelVersion>;
  /** By number, alias or `latest`. */
  getVersion(model: string, ref: string | number): Promise<ModelVersion>;
  findVersionById(id: string): Promise<ModelVersion | undefined>;
  /** Versions whose lineage names a dataset version, newest first. */
  versionsTrainedOn(
    data: { readonly dataset: string; readonly number: number; readonly digest: string },
    limit: number,
  ): Promise<readonly ModelVersion[]>;
  /** `name@alias`, `name/3`, `name/latest`, `name`. */
  resolve(ref: string): Promise<ModelVersion>;
  searchVersions(search: VersionSearch): Promise<SearchPage<ModelVersion>>;
  changeVersion(change: {
    readonly model: string;
    readonly number: number;
    readonly description?: string | undefined;
    readonly tags?: Readonly<Record<string, string | null>> | undefined;
    readonly stage?: Stage | undefined;
    readonly archiveExisting?: boolean | undefined;
    readonly actor: string;
  }): Promise<ModelVersion>;
  deleteVersion(model: string, number: number, actor: string): Promise<void>;

  moveAlias(move: {
    readonly model: string;
    readonly alias: string;
    readonly version: number;
    readonly reason?: string | undefined;
    readonly actor: string;
  }): Promise<AliasAnswer>;
  deleteAlias(model: string, alias: string, actor: string): Promise<boolean>;

  judgeGate(request: {
    readonly model: string;
    readonly evidence: GateEvidence;
    readonly runId?: string | undefined;
    readonly candidate?: string | undefined;
    readonly actor: string;
  }): Promise<Gate>;
  getGate(id: string): Promise<Gate>;
  listGates(query: {
    readonly model: string;
    readonly limit: number;
    readonly pageToken?: string | undefined;
  }): Promise<SearchPage<Gate>>;
  isReferenced(digest: string): Promise<boolean>;

  /** Requests to move an alias that asks for approval. */
  readonly approvals: AliasApprovals;
}

export interface AliasApprovals {
  readonly list: (range: ApprovalRange) => Promise<ListedApproval[]>;
  readonly get: (id: string) => Promise<AliasApproval>;
  readonly decide: (decision: ApprovalDecision) => Promise<AliasApproval>;
  /** Ends what nobody decided in time; answers with how many it found. */
  readonly lapse: () => Promise<number>;
}

function checkName(noun: string, value: string, schema: typeof ModelName): void {
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  throw new SlipwayError('name_invalid', {
    value: value.slice(0, 300),
    noun,
    rule: parsed.error.issues[0]?.message ?? 'it is not valid',
  });
}

export function createRegistry({ db, ids, objects, tracking }: RegistryDeps): Registry {
  const filesOf = async (files: Exclude<VersionFiles, { from: 'version' }>): Promise<readonly ModelFile[]> => {
    if (files.from === 'nothing') return [];
    if (files.from === 'object') {
      const object = await objects.find(files.digest);
      if (object) return [{ path: files.fileName, digest: object.digest, sizeBytes: object.sizeBytes }];
      throw new SlipwayError('not_found', {
        noun: 'stored object',
        name: files.digest,
        remedy: 'Store the model file first.',
      });
    }
    const tree = await tracking.artifacts.tree(files.owner, files.path);
    if (tree.length > 0) return tree;
    throw new SlipwayError('not_found', {
      noun: `file or folder of ${files.owner}`,
      name: files.path === '' ? '(everything)' : files.path,
      remedy: 'Log the model before registering it.',
    });
  };
  const describe = async (files: readonly ModelFile[]) => {
    const file = files.find((f) => f.path === 'MLmodel' && f.sizeBytes <= mlmodelLimitBytes);
    const description =
      file && readModelDescription((await objects.read(file.digest, mlmodelLimitBytes)).toString('utf8'));
    const fallback = files.some((f) => f.path.endsWith('.onnx')) ? 'onnx' : 'files';
    return { flavor: description?.flavor ?? fallback, signature: description?.signature };
  };
  const registry: Registry = {
    createModel: async ({ name, description, tags = {}, actor }) => {
      checkName('model', name, ModelName);
      const uid = ids.next('model');
      await retryUnique(() => db.write(createModel, { uid, name, description, tags, actor }));
      return getModel(db, name);
    },
    findModel: (name) => findModel(db, name),
    getModel: (name) => getModel(db, name),
    searchModels: (search) => searchModels(db, search),
    changeModel: async (change) => {
      if (change.rename !== undefined) checkName('model', change.rename, ModelName);
      await db.write(changeModel, change);
      return getModel(db, change.rename ?? change.name);
    },
    deleteModel: (name, actor) => db.write(deleteModel, { name, actor }),

    createVersion: async (request) => {
      checkName('model', request.model, ModelName);
      for (const alias of request.aliases ?? []) checkName('alias', alias, Alias);
      if (request.runId !== undefined) await tracking.getRun(request.runId);
      const origin = request.files.from === 'version' ? await registry.resolve(request.files.ref) : undefined;
      const files = request.files.from === 'version' ? (origin?.files ?? []) : await filesOf(request.files);
      const described = origin ?? (await describe(files));
      const [only] = files;
      const manifest = files.map(({ path, digest }) => ({ path, digest }));
      const artifactDigest =
        files.length === 1 ? only?.digest : files.length === 0 ? undefined : digestOfJson(manifest);
      const number = await retryUnique(() =>
        db.write(createVersion, {
          uid: ids.next('modelVersion'),
          model: request.model,
          newModelUid: request.createModel === false ? undefined : ids.next('model'),
          files,
          artifactDigest,
          flavor: request.flavor ?? described.flavor,
          signature: request.signature ?? described.signature,
          lineage: request.lineage ?? origin?.lineage ?? {},
          description: request.description,
          runId: request.runId ?? origin?.runId,
          loggedModelId: request.loggedModelId ?? origin?.loggedModelId,
          source: request.source,
          gateId: request.gateId,
          tags: request.tags ?? {},
          aliases: request.aliases ?? [],
          actor: request.actor,
        }),
      );
      return getVersion(db, request.model, String(number));
    },
    getVersion: (model, ref) => getVersion(db, model, String(ref)),
    findVersionById: (id) => findVersionById(db, id),
    versionsTrainedOn: (data, limit) => versionsTrainedOn(db, data, limit),
    resolve: (ref) => {
      const at = ref.lastIndexOf('@');
      const slash = ref.lastIndexOf('/');
      const cut = at === -1 ? slash : at;
      return cut === -1 ? getVersion(db, ref, 'latest') : getVersion(db, ref.slice(0, cut), ref.slice(cut + 1));
    },
    searchVersions: (search) => searchVersions(db, search),
    changeVersion: async (change) => {
      await db.write(changeVersion, change);
      return getVersion(db, change.model, String(change.number));
    },
    deleteVersion: (model, number, actor) => db.write(deleteVersion, { model, number, actor }),

    moveAlias: async ({ model, alias, version, reason, actor }) => {
      checkName('alias', alias, Alias);
      const outcome = await db.write(moveAlias, { model, alias, number: version, reason, actor });
      return {
        model,
        alias,
        version,
        state: outcome.state,
        ...(outcome.previous === undefined ? {} : { previous: outcome.previous }),
        ...(outcome.state === 'moved' ? {} : { approval: await getApproval(db, outcome.approval) }),
      };
    },
    deleteAlias: (model, alias, actor) => db.write(deleteAlias, { model, alias, actor }),

    judgeGate: async ({ model, evidence, runId, candidate, actor }) => {
      const uid = ids.next('gate');
      await db.write(recordGate, { uid, model, evidence, runId, candidate, actor });
      return getGate(db, uid);
    },
    getGate: (id) => getGate(db, id),
    listGates: (query) => listGates(db, query),
    isReferenced: async (digest) => {
      const row = await db
        .read<RegistryTables>()
        .selectFrom('registry_file')
        .select('digest')
        .where('digest', '=', digest)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
    approvals: {
      list: (range) => listApprovals(db, range),
      get: (id) => getApproval(db, id),
      decide: async (decision) => {
        await db.write(decideApproval, decision);
        return getApproval(db, decision.id);
      },
      lapse: () => db.write(lapseApprovals, {}),
    },
  };
  return registry;
}
