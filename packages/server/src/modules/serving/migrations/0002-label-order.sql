-- Labels by endpoint, so that those of a range of predictions are one range read, in the order in which they came and with
-- their first value: what a running rollout had judged can be judged again after a restart.
create table serving_label_by_endpoint (
  endpoint text not null,
  prediction_id text not null,
  joined_number @int not null,
  value @real not null,
  first_value @real not null,
  at @int not null,
  joined_at @int not null,
  primary key (endpoint, prediction_id)
) @strict_without_rowid;

insert into serving_label_by_endpoint (endpoint, prediction_id, joined_number, value, first_value, at, joined_at)
select endpoint, prediction_id, row_number() over (partition by endpoint order by joined_at, prediction_id),
  value, value, at, joined_at
from serving_label;

drop table serving_label;

alter table serving_label_by_endpoint rename to serving_label;
