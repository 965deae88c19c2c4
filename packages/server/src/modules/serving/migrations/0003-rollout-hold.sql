-- A rollout whose clock somebody stopped, and how the evidence of one that ended went.
alter table serving_rollout add column held_at @int;
alter table serving_rollout add column held_by text;
alter table serving_rollout add column held_reason text;
alter table serving_rollout add column stage_left_ms @int;
alter table serving_rollout add column trail text;
