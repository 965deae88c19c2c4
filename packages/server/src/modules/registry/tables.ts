/** Row shapes of the registry's tables. */
import type { AliasApproval } from '@slipway/contract';
import type { Generated } from 'kysely';

export interface RegistryTables {
  registry_model: {
    id: Generated<number>;
    uid: string;
    name: string;
    description: string | null;
    gate: string | null;
    gate_digest: string | null;
    alias_rules: string | null;
    project: string | null;
    last_number: number;
    created_at: number;
    updated_at: number;
    created_by: string;
  };
  registry_version: {
    id: Generated<number>;
    uid: string;
    model_id: number;
    number: number;
    status: 'pending' | 'ready' | 'failed';
    stage: string;
    description: string | null;
    run_uid: string | null;
    logged_model_uid: string | null;
    source: string | null;
    flavor: string;
    artifact_digest: string | null;
    signature: string | null;
    lineage: string;
    gate_uid: string | null;
    created_at: number;
    updated_at: number;
    created_by: string;
    deleted_at: number | null;
  };
  registry_version_dataset: { dataset: string; number: number; digest: string; version_id: number };
  registry_file: { version_id: number; path: string; digest: string; size_bytes: number };
  registry_alias: { model_id: number; alias: string; number: number; moved_at: number };
  registry_approval: {
    id: Generated<number>;
    uid: string;
    model_id: number;
    alias: string;
    number: number;
    previous: number | null;
    state: AliasApproval['state'];
    asked_by: string;
    asked_at: number;
    reason: string | null;
    lapses_at: number;
    decided_by: string | null;
    decided_at: number | null;
    decision: string | null;
    is_own: number;
  };
  registry_tag: { model_id: number; number: number; key: string; value: string };
  registry_gate: {
    id: Generated<number>;
    uid: string;
    model_id: number;
    passed: number;
    spec_digest: string;
    checks: string;
    evidence: string;
    run_uid: string | null;
    candidate: string | null;
    number: number | null;
    created_at: number;
    created_by: string;
  };
}
