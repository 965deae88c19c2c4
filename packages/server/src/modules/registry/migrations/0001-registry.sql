create table registry_model (
  id @id,
  uid text not null unique,
  name text not null unique,
  description text,
  -- The declared gate as JSON, and its digest.
  gate text,
  gate_digest text,
  project text,
  -- The highest number ever given: numbers of deleted versions do not come back.
  last_number @int not null,
  created_at @int not null,
  updated_at @int not null,
  created_by text not null
) @strict;

create table registry_version (
  id @id,
  uid text not null unique,
  model_id @int not null,
  number @int not null,
  status text not null check (status in ('pending', 'ready', 'failed')),
  stage text not null,
  description text,
  run_uid text,
  logged_model_uid text,
  source text,
  flavor text not null,
  artifact_digest text,
  signature text,
  lineage text not null,
  gate_uid text,
  created_at @int not null,
  updated_at @int not null,
  created_by text not null,
  deleted_at @int,
  unique (model_id, number)
) @strict;
create index registry_version_by_run on registry_version(run_uid);
create index registry_version_by_update on registry_version(updated_at, id);

create table registry_file (
  version_id @int not null,
  path text not null,
  digest text not null,
  size_bytes @int not null,
  primary key (version_id, path)
) @strict_without_rowid;
create index registry_file_by_digest on registry_file(digest);

create table registry_alias (
  model_id @int not null,
  alias text not null,
  number @int not null,
  moved_at @int not null,
  primary key (model_id, alias)
) @strict_without_rowid;

-- number 0: of the model itself.
create table registry_tag (
  model_id @int not null,
  number @int not null,
  key text not null,
  value text not null,
  primary key (model_id, number, key)
) @strict_without_rowid;

create table registry_gate (
  id @id,
  uid text not null unique,
  model_id @int not null,
  passed @bool not null,
  spec_digest text not null,
  checks text not null,
  evidence text not null,
  run_uid text,
  candidate text,
  number @int,
  created_at @int not null,
  created_by text not null
) @strict;
create index registry_gate_by_model on registry_gate(model_id, id);
