/**
 * A kind of thing that a project folder declares (dataset, suite, feature set, model, pipeline, endpoint, monitor, policy).
 * The module that owns the noun says how a declaration is parsed and applied; `projects` decides what changed, in which
 * order, who owns it, and runs every change inside one transaction.
 */
import type { Trx } from '../../platform/db/db.ts';

export interface ResourceChange {
  readonly name: string;
  /** sha256 of the canonical JSON of the spec. */
  readonly digest: string;
  readonly project: string;
  readonly actor: string;
  /** The endpoint that the project imitates, where it is a simulation. */
  readonly simulationOf?: string | undefined;
}

// Methods, not function properties: a kind of one spec type then fits where any kind is accepted, and `projects` hands
// `parse`'s result back to the same kind's `apply` only.
export interface ResourceKind<S> {
  readonly kind: string;
  /** Checks a declaration. Throws `resource_invalid` with the path, the value and the remedy. Pure. */
  parse(name: string, spec: unknown): S;
  /** Creates or changes the thing. Runs in the writer: awaits nothing but the transaction. */
  apply(trx: Trx, change: ResourceChange & { readonly spec: S }): Promise<void>;
  /** Takes the thing out of use. History that refers to it stays readable. */
  remove(trx: Trx, change: Omit<ResourceChange, 'digest'>): Promise<void>;
}

export type AnyResourceKind = ResourceKind<unknown>;
