/** Row shapes of tracking's tables. They live and die in this module's stores. */
import type { Generated } from 'kysely';

interface KeyedText {
  run_id: number;
  key_id: number;
  experiment_id: number;
  value: string;
  value_head: string;
}

export interface TrackingTables {
  tracking_experiment: {
    id: number;
    uid: string;
    name: string;
    description: string | null;
    artifact_location: string | null;
    created_at: number;
    updated_at: number;
    deleted_at: number | null;
  };
  tracking_experiment_tag: { experiment_id: number; key: string; value: string };
  tracking_run: {
    id: Generated<number>;
    uid: string;
    experiment_id: number;
    name: string;
    status: number;
    start_at: number;
    end_at: number | null;
    deleted_at: number | null;
    user_id: string | null;
  };
  tracking_key: { id: Generated<number>; name: string };
  tracking_metric_point: {
    run_id: number;
    key_id: number;
    ts: number;
    step: number;
    value: number;
    is_nan: number;
  };
  tracking_metric_latest: {
    run_id: number;
    key_id: number;
    experiment_id: number;
    value: number;
    is_nan: number;
    step: number;
    ts: number;
    /** Below zero: not counted yet, one less with each write. */
    point_count: number;
    step_min: number;
    /** Null where the series has no blocks. */
    block_shift: number | null;
  };
  tracking_param: KeyedText;
  tracking_tag: KeyedText;
  tracking_run_key: { experiment_id: number; kind: number; name: string; seen_at: number };
  tracking_view: {
    id: Generated<number>;
    uid: string;
    name: string;
    query: string;
    author: string;
    created_at: number;
    updated_at: number;
    deleted_at: number | null;
  };
  tracking_dataset: {
    id: Generated<number>;
    experiment_id: number;
    name: string;
    digest: string;
    source_type: string | null;
    source: string | null;
    schema: string | null;
    profile: string | null;
  };
  tracking_input: { run_id: number; dataset_id: number; tags: string };
  tracking_model: {
    id: Generated<number>;
    uid: string;
    experiment_id: number;
    name: string;
    status: number;
    status_message: string | null;
    model_type: string | null;
    run_uid: string | null;
    user_id: string | null;
    created_at: number;
    updated_at: number;
    deleted_at: number | null;
  };
  tracking_model_fact: { model_id: number; kind: 'param' | 'tag'; key: string; value: string };
  tracking_model_metric: {
    model_id: number;
    key: string;
    dataset_name: string;
    dataset_digest: string;
    run_uid: string;
    value: number;
    is_nan: number;
    step: number;
    ts: number;
  };
  tracking_model_link: { run_id: number; direction: 'input' | 'output'; model_uid: string; step: number };
  tracking_artifact: { owner: string; path: string; digest: string; size_bytes: number; created_at: number };
}

/** What an index keeps of a param or tag value. */
export const valueHeadChars = 64;
export const valueHead = (value: string): string =>
  Array.from(value.slice(0, valueHeadChars * 2))
    .slice(0, valueHeadChars)
    .join('');
