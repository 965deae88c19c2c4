-- Distributions of every column, training and window in the same bins, as JSON; null for windows judged before they were kept.
alter table monitoring_window add column figures text;

-- The silence under which an alert fired last; null when its policies were triggered.
alter table monitoring_alert add column silence text;

create table monitoring_silence (
  id text not null primary key,
  monitor text not null,
  -- Null: every alert of the monitor.
  alert text,
  until_at @int not null,
  reason text not null,
  created_at @int not null,
  created_by text not null,
  ended_at @int,
  ended_by text
) @strict;

create index monitoring_silence_by_monitor on monitoring_silence (monitor, until_at);
