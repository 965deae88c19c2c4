-- A long series is drawn from its blocks: sums over aligned runs of 2^block_shift steps, kept with every write. See blocks.ts.
-- point_count: below zero where the points of before this table are not counted yet, one less with each write meanwhile.
-- block_shift: null where the series is short and has no blocks.
alter table tracking_metric_latest add column point_count @int not null default -1;
alter table tracking_metric_latest add column step_min @int not null default 0;
alter table tracking_metric_latest add column block_shift @int;
create index tracking_metric_latest_uncounted on tracking_metric_latest(run_id, key_id) where point_count < 0;

-- low and high are null where a block has nothing but NaN.
create table tracking_metric_block (
  run_id @int not null,
  key_id @int not null,
  shift @int not null,
  block @int not null,
  n @int not null,
  step_min @int not null,
  step_max @int not null,
  ts_min @int not null,
  ts_max @int not null,
  low @real,
  high @real,
  primary key (run_id, key_id, shift, block)
) @strict_without_rowid;
