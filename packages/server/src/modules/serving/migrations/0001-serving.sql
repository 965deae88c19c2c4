create table serving_endpoint (
  name text not null primary key,
  id text not null unique,
  project text not null,
  spec text not null,
  created_at @int not null,
  retired_at @int,
  deployment @int,
  label_watermark_at @int,
  label_count @int not null
) @strict;

create table serving_deployment (
  endpoint text not null,
  number @int not null,
  id text not null unique,
  traffic text not null,
  shadow @int,
  rollout text,
  reason text not null,
  created_at @int not null,
  created_by text not null,
  primary key (endpoint, number)
) @strict;

create table serving_rollout (
  id text not null primary key,
  endpoint text not null,
  candidate @int not null,
  incumbent @int not null,
  plan text not null,
  state text not null,
  stage @int not null,
  started_at @int not null,
  started_by text not null,
  deadline_at @int not null,
  finished_at @int,
  decisions text not null,
  guard text,
  harm @real
) @strict;

create index serving_rollout_by_endpoint on serving_rollout (endpoint, id);
-- At most one rollout of an endpoint runs at a time.
create unique index serving_rollout_running on serving_rollout (endpoint) where state = 'running';

create table serving_label (
  prediction_id text not null primary key,
  endpoint text not null,
  value @real not null,
  at @int not null,
  joined_at @int not null
) @strict_without_rowid;
