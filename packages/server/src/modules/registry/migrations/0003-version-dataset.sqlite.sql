-- Which versions were trained on a dataset version: asked for by its page and by `why`, over all versions that ever were.
-- Equal bytes have one digest under several numbers, and a name may be given again to other bytes: all three tell.
create table registry_version_dataset (
  dataset text not null,
  number @int not null,
  digest text not null,
  version_id @int not null,
  primary key (dataset, number, digest, version_id)
) @strict_without_rowid;
create index registry_version_dataset_by_version on registry_version_dataset(version_id);
-- What no dataset version can be named by is not noted. Such values come from clients, and are of any length.
insert into registry_version_dataset(dataset, number, digest, version_id)
select distinct json_extract(d.value, '$.dataset'), json_extract(d.value, '$.number'), json_extract(d.value, '$.digest'), v.id
from registry_version v, json_each(v.lineage, '$.datasetVersions') d
where v.deleted_at is null
  and length(json_extract(d.value, '$.dataset')) <= 128
  and length(json_extract(d.value, '$.digest')) = 71;
