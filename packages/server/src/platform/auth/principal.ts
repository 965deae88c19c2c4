/**
 * Who may do what. Default deny: a principal holds a set of permissions, and every route names the one it needs.
 * Roles are fixed sets; scoped tokens (for pipeline steps) carry their own list.
 */
import type { Permission } from '@slipway/contract';

export type Role = 'owner' | 'editor' | 'deployer' | 'viewer' | 'predictor';

export interface Principal {
  /** Written to the ledger: `owner`, `token:<name>`, `step:<id>`. */
  readonly actor: string;
  readonly permissions: ReadonlySet<Permission>;
}

const read: readonly Permission[] = [
  'data.read',
  'quality.read',
  'features.read',
  'tracking.read',
  'registry.read',
  'pipelines.read',
  'serving.read',
  'monitoring.read',
  'automation.read',
  'governance.read',
  'projects.read',
];
const edit: readonly Permission[] = [
  ...read,
  'data.write',
  'quality.write',
  'features.write',
  'tracking.write',
  'registry.write',
  'pipelines.run',
  'monitoring.write',
  'serving.try',
];
const deploy: readonly Permission[] = [
  ...edit,
  'registry.promote',
  'serving.deploy',
  'serving.predict',
  'automation.write',
  'projects.apply',
];

export const roles: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  owner: new Set<Permission>([...deploy, 'admin']),
  deployer: new Set(deploy),
  editor: new Set(edit),
  viewer: new Set(read),
  predictor: new Set<Permission>(['serving.predict', 'serving.try', 'serving.read', 'features.write']),
};

/** What a pipeline step's own token may do while the step runs. */
export const stepPermissions: ReadonlySet<Permission> = new Set<Permission>([
  ...read,
  'data.write',
  'quality.write',
  'tracking.write',
  'registry.write',
  'registry.promote',
]);
