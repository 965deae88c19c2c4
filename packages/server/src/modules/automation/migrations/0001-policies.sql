create table automation_policy (
  name text not null primary key,
  id text not null,
  when_kind text not null,
  spec text not null,
  project text not null,
  -- Events from before are not acted on: a policy looks forward from its declaration.
  created_at @int not null,
  -- Failures from before no longer count: applying again says that their cause is mended.
  applied_at @int not null,
  retired_at @int
) @strict;

create index automation_policy_by_kind on automation_policy (when_kind, name);

create table automation_firing (
  id @id,
  policy text not null,
  cause_seq @int not null,
  at @int not null,
  state text not null,
  action text not null,
  reason text not null,
  result text,
  problem text,
  decided_by text,
  created_at @int not null,
  finished_at @int,
  unique (policy, cause_seq)
);

create index automation_firing_by_policy on automation_firing (policy, at);
create index automation_firing_by_state on automation_firing (state);
