-- Which keys the runs of an experiment logged: maintained as they log, so that listing 20,000 keys reads no run.
-- kind: 0 metric, 1 param, 2 tag. seen_at: when a run last logged it, to the hour.
create table tracking_run_key (
  experiment_id @int not null,
  kind @int not null check (kind in (0, 1, 2)),
  name @ordered_text not null,
  seen_at @int not null,
  primary key (experiment_id, kind, name)
) @strict_without_rowid;
create index tracking_run_key_by_name on tracking_run_key(kind, name, seen_at);

insert into tracking_run_key(experiment_id, kind, name, seen_at)
select m.experiment_id, 0, k.name, max(m.ts) from tracking_metric_latest m join tracking_key k on k.id = m.key_id
group by m.experiment_id, k.name;
insert into tracking_run_key(experiment_id, kind, name, seen_at)
select p.experiment_id, 1, k.name, max(r.start_at) from tracking_param p join tracking_key k on k.id = p.key_id
join tracking_run r on r.id = p.run_id group by p.experiment_id, k.name;
insert into tracking_run_key(experiment_id, kind, name, seen_at)
select t.experiment_id, 2, k.name, max(r.start_at) from tracking_tag t join tracking_key k on k.id = t.key_id
join tracking_run r on r.id = t.run_id group by t.experiment_id, k.name;

create table tracking_view (
  id @id,
  uid text not null unique,
  name text not null,
  query text not null,
  author text not null,
  created_at @int not null,
  updated_at @int not null,
  deleted_at @int
) @strict;
create unique index tracking_view_by_name on tracking_view(name) where deleted_at is null;
