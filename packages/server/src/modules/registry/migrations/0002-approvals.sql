-- What is asked of whoever moves an alias, as JSON by alias.
alter table registry_model add column alias_rules text;

create table registry_approval (
  id @id,
  uid text not null unique,
  model_id @int not null,
  alias text not null,
  number @int not null,
  -- What the alias named when it was asked.
  previous @int,
  state text not null check (state in ('waiting', 'approved', 'rejected', 'lapsed', 'withdrawn')),
  asked_by text not null,
  asked_at @int not null,
  reason text,
  lapses_at @int not null,
  decided_by text,
  decided_at @int,
  decision text,
  is_own @bool not null
) @strict;
create unique index registry_approval_waiting on registry_approval(model_id, alias, number) where state = 'waiting';
create index registry_approval_by_lapse on registry_approval(lapses_at) where state = 'waiting';
create index registry_approval_by_time on registry_approval(asked_at, id);
