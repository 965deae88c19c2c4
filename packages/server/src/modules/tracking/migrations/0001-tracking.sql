create table tracking_experiment (
  id @int not null primary key,
  uid text not null unique,
  name text not null,
  description text,
  artifact_location text,
  created_at @int not null,
  updated_at @int not null,
  deleted_at @int
) @strict;
create unique index tracking_experiment_by_name on tracking_experiment(name) where deleted_at is null;
-- A run needs an experiment even when its author named none.
insert into tracking_experiment(id, uid, name, created_at, updated_at) values (0, 'exp_00000000000000000000000000', 'Default', 0, 0);

create table tracking_experiment_tag (
  experiment_id @int not null,
  key text not null,
  value text not null,
  primary key (experiment_id, key)
) @strict_without_rowid;

create table tracking_run (
  id @id,
  uid text not null unique,
  experiment_id @int not null,
  name text not null,
  status @int not null,
  start_at @int not null,
  end_at @int,
  deleted_at @int,
  user_id text
) @strict;
create index tracking_run_by_start on tracking_run(experiment_id, start_at, id);

create table tracking_key (
  id @id,
  name text not null unique
) @strict;

-- A point's identity is the whole row, so a repeated request changes nothing. NaN is value 0 with is_nan 1 on both databases.
create table tracking_metric_point (
  run_id @int not null,
  key_id @int not null,
  ts @int not null,
  step @int not null,
  value @real not null,
  is_nan @int not null check (is_nan in (0, 1)),
  primary key (run_id, key_id, ts, step, value, is_nan)
) @strict_without_rowid;

create table tracking_metric_latest (
  run_id @int not null,
  key_id @int not null,
  experiment_id @int not null,
  value @real not null,
  is_nan @int not null,
  step @int not null,
  ts @int not null,
  primary key (run_id, key_id)
) @strict_without_rowid;
create index tracking_metric_latest_by_value on tracking_metric_latest(experiment_id, key_id, is_nan, value, run_id);

create table tracking_param (
  run_id @int not null,
  key_id @int not null,
  experiment_id @int not null,
  value text not null,
  -- The first 64 characters: what the index needs to tell values apart, and short enough for every database's index row.
  value_head text not null,
  primary key (run_id, key_id)
) @strict_without_rowid;
create index tracking_param_by_value on tracking_param(experiment_id, key_id, value_head, run_id);

create table tracking_tag (
  run_id @int not null,
  key_id @int not null,
  experiment_id @int not null,
  value text not null,
  value_head text not null,
  primary key (run_id, key_id)
) @strict_without_rowid;
create index tracking_tag_by_value on tracking_tag(experiment_id, key_id, value_head, run_id);

create table tracking_dataset (
  id @id,
  experiment_id @int not null,
  name text not null,
  digest text not null,
  source_type text,
  source text,
  schema text,
  profile text,
  unique (experiment_id, name, digest)
) @strict;

create table tracking_input (
  run_id @int not null,
  dataset_id @int not null,
  tags text not null,
  primary key (run_id, dataset_id)
) @strict_without_rowid;
create index tracking_input_by_dataset on tracking_input(dataset_id, run_id);

create table tracking_model (
  id @id,
  uid text not null unique,
  experiment_id @int not null,
  name text not null,
  status @int not null,
  status_message text,
  model_type text,
  run_uid text,
  user_id text,
  created_at @int not null,
  updated_at @int not null,
  deleted_at @int
) @strict;
create index tracking_model_by_creation on tracking_model(experiment_id, created_at, id);

create table tracking_model_fact (
  model_id @int not null,
  kind text not null check (kind in ('param', 'tag')),
  key text not null,
  value text not null,
  primary key (model_id, kind, key)
) @strict_without_rowid;

create table tracking_model_metric (
  model_id @int not null,
  key text not null,
  dataset_name text not null,
  dataset_digest text not null,
  run_uid text not null,
  value @real not null,
  is_nan @int not null,
  step @int not null,
  ts @int not null,
  primary key (model_id, key, dataset_name, dataset_digest)
) @strict_without_rowid;

create table tracking_model_link (
  run_id @int not null,
  direction text not null check (direction in ('input', 'output')),
  model_uid text not null,
  step @int not null,
  primary key (run_id, direction, model_uid)
) @strict_without_rowid;

create table tracking_artifact (
  owner text not null,
  path text not null,
  digest text not null,
  size_bytes @int not null,
  created_at @int not null,
  primary key (owner, path)
) @strict_without_rowid;
create index tracking_artifact_by_digest on tracking_artifact(digest);
