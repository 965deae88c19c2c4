-- The suites that are declared now.
create table quality_suite (
  name text not null primary key,
  digest text not null,
  project text not null,
  updated_at @int not null
) @strict;

-- Every suite content that was ever declared: an old validation finds the rules that it was judged by.
create table quality_suite_content (
  digest text not null primary key,
  spec text not null
) @strict;

create table quality_validation (
  id text not null primary key,
  suite text not null,
  suite_digest text not null,
  success @bool not null,
  evaluated @int not null,
  failed @int not null,
  warnings @int not null,
  dataset_versions text not null,
  results text not null,
  elapsed_ms @real not null,
  created_at @int not null,
  created_by text not null
) @strict;

create index quality_validation_by_suite on quality_validation (suite, id);
