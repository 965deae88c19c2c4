-- Which validations looked at a dataset version: asked for by its page, over all validations that ever were.
create table quality_validation_dataset (
  version_id text not null,
  validation text not null,
  primary key (version_id, validation)
) @strict_without_rowid;
-- An escape (of NUL, of half a character, in the name of a table) could make reading the JSON fail here.
insert into quality_validation_dataset(version_id, validation)
select distinct d.value ->> 'versionId', v.id from quality_validation v,
  json_array_elements(case when position('\u' in v.dataset_versions) = 0 then v.dataset_versions::json end) d;
