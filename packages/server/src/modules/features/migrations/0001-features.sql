-- A set that is declared no longer keeps its row with `project` null, so that what refers to it stays readable.
create table features_set (
  name text not null primary key,
  digest text not null,
  project text,
  updated_at @int not null,
  updated_by text not null
) @strict;

-- Canonical definitions, kept by digest: a training set or a model names the one that it was made with.
create table features_definition (
  digest text not null primary key,
  definition text not null,
  created_at @int not null
) @strict;
