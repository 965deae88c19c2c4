create table data_dataset (
  id text not null primary key,
  name text not null unique,
  description text not null,
  project text,
  latest_number @int not null,
  created_at @int not null,
  created_by text not null
) @strict;

create table data_version (
  id text not null primary key,
  dataset_id text not null,
  number @int not null,
  digest text not null,
  row_count @int not null,
  size_bytes @int not null,
  file_count @int not null,
  column_schema text not null,
  created_at @int not null,
  created_by text not null,
  unique (dataset_id, number)
) @strict;

create index data_version_by_digest on data_version (dataset_id, digest, number);

-- `place` is the order of the files by name, from 0.
create table data_version_file (
  version_id text not null,
  place @int not null,
  name text not null,
  digest text not null,
  size_bytes @int not null,
  row_count @int not null,
  primary key (version_id, place)
) @strict;

create index data_version_file_by_digest on data_version_file (digest);

-- The profile depends on the content alone, so it is kept by the digest of the version.
create table data_profile (
  digest text not null primary key,
  content text not null,
  created_at @int not null
) @strict;
