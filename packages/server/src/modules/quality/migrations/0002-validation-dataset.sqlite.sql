-- Which validations looked at a dataset version: asked for by its page, over all validations that ever were.
create table quality_validation_dataset (
  version_id text not null,
  validation text not null,
  primary key (version_id, validation)
) @strict_without_rowid;
insert into quality_validation_dataset(version_id, validation)
select distinct json_extract(d.value, '$.versionId'), v.id from quality_validation v, json_each(v.dataset_versions) d;
