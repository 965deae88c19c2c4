-- Graphs by digest: pipelines and runs point at them, so a run keeps the graph it started with.
create table pipelines_graph (
  digest text primary key,
  body text not null
) @strict;

create table pipelines_pipeline (
  name text primary key,
  project text not null,
  graph_digest text not null references pipelines_graph(digest),
  file text not null,
  bundle text not null,
  applied_at @int not null,
  applied_by text not null
) @strict;

create table pipelines_run (
  id text primary key,
  pipeline text not null,
  graph_digest text not null references pipelines_graph(digest),
  bundle text not null,
  file text not null,
  state text not null check (state in ('running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
  params text not null,
  datasets text not null,
  use_cache @bool not null,
  reason text,
  problem text,
  -- Steps that have not ended. 0 exactly when the run has ended.
  open_steps @int not null check (open_steps >= 0),
  started_by text not null,
  started_at @int not null,
  finished_at @int,
  deadline_at @int not null,
  commit_id text,
  rerun_of text,
  idempotency_key text unique,
  check ((state in ('running', 'cancelling')) = (open_steps > 0)),
  check ((state in ('running', 'cancelling')) = (finished_at is null))
) @strict;
create index pipelines_run_by_pipeline on pipelines_run(pipeline, id);
create index pipelines_run_live on pipelines_run(deadline_at) where state in ('running', 'cancelling');

create table pipelines_step (
  run text not null references pipelines_run(id),
  step text not null,
  position @int not null,
  state text not null check (state in ('waiting', 'queued', 'running', 'retrying', 'cancelling', 'succeeded', 'reused', 'failed', 'skipped', 'cancelled')),
  -- Steps before this one that have not succeeded.
  blockers @int not null check (blockers >= 0),
  -- 1: the result of an earlier run is not taken.
  is_forced @bool not null,
  -- 1: runs inside the server, without a child process.
  is_inline @bool not null,
  attempt @int not null,
  failures @int not null,
  -- Fencing: only the job run that holds both may record an outcome.
  job_id @int,
  fence @int,
  -- The child process of the running attempt; the start time tells it from a later process with the same number.
  pid @int,
  pid_started text,
  reason text,
  problem text,
  cache_parts text,
  outputs text,
  tracking_run text,
  queued_at @int,
  started_at @int,
  finished_at @int,
  -- When the sweeper ends this state; null exactly in states that end a step.
  deadline_at @int,
  primary key (run, step),
  check ((state in ('succeeded', 'reused', 'failed', 'skipped', 'cancelled')) = (deadline_at is null)),
  check ((state in ('succeeded', 'reused')) = (outputs is not null))
) @strict;
create index pipelines_step_live on pipelines_step(deadline_at) where deadline_at is not null;

create table pipelines_edge (
  run text not null,
  from_step text not null,
  to_step text not null,
  primary key (run, from_step, to_step)
) @strict_without_rowid;

create table pipelines_attempt (
  run text not null,
  step text not null,
  number @int not null,
  started_at @int not null,
  finished_at @int,
  problem text,
  primary key (run, step, number)
) @strict_without_rowid;

-- Results by content: code, inputs and ports. A row is only a promise; its objects are checked before it is used.
create table pipelines_cache (
  cache_key text primary key,
  pipeline text not null,
  step text not null,
  parts text not null,
  outputs text not null,
  run text not null,
  created_at @int not null
) @strict;
create index pipelines_cache_by_step on pipelines_cache(pipeline, step, created_at);
