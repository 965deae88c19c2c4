/** The registry's writes, as the writer knows them, and how a project file declares a model. */
import { join } from 'node:path';
import { GateSpec, ModelName, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { StoreModule } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { recordGate } from './operations/gates.ts';
import { changeModel, createModel, declareModel, deleteModel, undeclareModel } from './operations/models.ts';
import { changeVersion, createVersion, deleteAlias, deleteVersion, moveAlias } from './operations/versions.ts';

export { moveAliasIn } from './operations/versions.ts';

/** `models.<name>` of slipway.yaml. */
export const ModelDeclaration = z.strictObject({
  description: z.string().max(5000).optional(),
  gate: GateSpec.optional(),
});
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
    declareModel(trx, { name, description: spec.description, gate: spec.gate, project, actor }),
  remove: (trx, { name }) => undeclareModel(trx, name),
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
  ],
};
