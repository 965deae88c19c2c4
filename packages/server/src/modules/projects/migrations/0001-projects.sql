create table projects_project (
  name text not null primary key,
  apply_number @int not null,
  applied_at @int not null,
  applied_by text not null,
  bundle_digest text not null,
  source text
) @strict;

create table projects_resource (
  kind text not null,
  name text not null,
  project text not null,
  digest text not null,
  spec text not null,
  applied_at @int not null,
  primary key (kind, name)
) @strict;

create index projects_resource_by_project on projects_resource (project, kind, name);

create table projects_apply (
  project text not null,
  apply_number @int not null,
  applied_at @int not null,
  applied_by text not null,
  bundle_digest text not null,
  source text,
  manifest text not null,
  primary key (project, apply_number)
) @strict;

-- Every bundle ever applied: a run of last year finds its code here, whatever the project looks like today.
create table projects_bundle (
  digest text not null primary key,
  files text not null
) @strict;
