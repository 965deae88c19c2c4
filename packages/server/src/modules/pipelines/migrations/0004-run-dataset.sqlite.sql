-- Which runs read a dataset version: asked for by its page, over all runs that ever were.
create table pipelines_run_dataset (
  version_id text not null,
  run text not null,
  primary key (version_id, run)
) @strict_without_rowid;
insert into pipelines_run_dataset(version_id, run)
select distinct json_extract(d.value, '$.id'), r.id from pipelines_run r, json_each(r.datasets) d
where json_extract(d.value, '$.id') is not null;
