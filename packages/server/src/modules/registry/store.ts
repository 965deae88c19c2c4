/** The registry's writes, as the writer knows them, and how a project file declares a model. */
import { join } from 'node:path';
import { declarationSpecs, ModelName, SlipwayError } from '@slipway/contract';
import type { z } from 'zod';
import type { StoreModule } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { decideApproval, lapseApprovals } from './operations/approvals.ts';
import { recordGate } from './operations/gates.ts';
import { changeModel, createModel, declareModel, deleteModel, undeclareModel } from './operations/models.ts';
import { changeVersion, createVersion, deleteAlias, deleteVersion, moveAlias } from './operations/versions.ts';

export { withdrawApprovalIn } from './operations/approvals.ts';
export { moveAliasIn } from './operations/versions.ts';

/** `models.<name>` of slipway.yaml. */
export const ModelDeclaration = declarationSpecs.models;
export type ModelDeclaration = z.output<typeof ModelDeclaration>;

export const modelKind: ResourceKind<ModelDeclaration> = {
  kind: 'model',
  parse: (name, spec) => {
    const problems = [
      ...(ModelName.safeParse(name).error?.issues ?? []),
      ...(ModelDeclaration.safeParse(spec ?? {}).error?.issues ?? []),
    ];
    const [issue] = problems;
    if (issue) {
      const problem = `${issue.path.join('.')} ${issue.message}`.trim();
      throw new SlipwayError('resource_invalid', { kind: 'model', name, problem });
    }
    return ModelDeclaration.parse(spec ?? {});
  },
  apply: (trx, { name, spec, project, actor }) =>
    declareModel(trx, { name, description: spec.description, gate: spec.gate, aliases: spec.aliases, project, actor }),
  remove: (trx, { name, actor }) => undeclareModel(trx, { name, actor }),
};

export const registryStore: StoreModule = {
  name: 'registry',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [
    createModel,
    changeModel,
    deleteModel,
    createVersion,
    changeVersion,
    deleteVersion,
    moveAlias,
    deleteAlias,
    recordGate,
    decideApproval,
    lapseApprovals,
  ],
};
