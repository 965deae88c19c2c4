-- state: 0 ready, 1 leased, 2 done, 3 failed, 4 cancelling, 5 cancelled
create table jobs_job (
  id @id,
  kind text not null,
  subject text not null,
  state @int not null,
  priority @int not null,
  run_at @int not null,
  attempt @int not null,
  max_attempts @int not null,
  fence @int not null,
  lease_owner text,
  lease_until @int,
  deadline_at @int not null,
  deadline_ms @int not null,
  dedupe_key text,
  payload text not null,
  result text,
  error text,
  -- Why it ended without success, for the handler's onFailed: failed, cancelled or deadline.
  end_reason text,
  -- When onFailed is to be called (again); null when nothing is owed.
  notice_at @int,
  created_at @int not null,
  ended_at @int,
  check (state between 0 and 5),
  check ((state in (1, 4)) = (lease_until is not null)),
  check ((state in (2, 3, 5)) = (ended_at is not null))
) @strict;
create index jobs_ready on jobs_job(kind, priority desc, run_at, id) where state = 0;
create index jobs_due on jobs_job(run_at) where state = 0;
create index jobs_lease on jobs_job(lease_until) where state in (1, 4);
create index jobs_owner on jobs_job(lease_owner) where state in (1, 4);
create index jobs_deadline on jobs_job(deadline_at) where state in (0, 1, 4);
create index jobs_notice on jobs_job(notice_at) where notice_at is not null;
create index jobs_by_subject on jobs_job(subject, id);
create index jobs_by_kind on jobs_job(kind, id);
create index jobs_ended on jobs_job(ended_at) where ended_at is not null;
create unique index jobs_dedupe on jobs_job(dedupe_key) where dedupe_key is not null and state in (0, 1, 4);

create table jobs_schedule (
  name text not null primary key,
  cron text not null,
  time_zone text not null,
  kind text not null,
  subject text not null,
  payload text not null,
  deadline_ms @int not null,
  missed text not null check (missed in ('each', 'latest')),
  next_at @int not null
) @strict_without_rowid;
create index jobs_schedule_due on jobs_schedule(next_at);
