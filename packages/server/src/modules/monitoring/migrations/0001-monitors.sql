create table monitoring_monitor (
  name text not null primary key,
  id text not null,
  endpoint text not null,
  spec text not null,
  project text not null,
  created_at @int not null,
  retired_at @int
) @strict;

create index monitoring_monitor_by_endpoint on monitoring_monitor (endpoint, name);

-- Labels of an endpoint are complete up to here, in event time.
create table monitoring_watermark (
  endpoint text not null primary key,
  watermark_at @int not null
) @strict;

create table monitoring_window (
  id text not null primary key,
  monitor text not null,
  window_from @int not null,
  window_to @int not null,
  model text not null,
  version @int not null,
  verdict text not null,
  -- The judged window as JSON.
  body text not null,
  -- Per column, its shares in the last window in which it had not drifted: what the next window is compared with.
  memory text not null,
  judged_at @int not null,
  unique (monitor, window_from)
) @strict;

-- What training looked like, summarised once per monitor and version.
create table monitoring_reference (
  monitor text not null,
  model text not null,
  version @int not null,
  body text not null,
  created_at @int not null,
  primary key (monitor, model, version)
) @strict;

create table monitoring_alert (
  id text not null primary key,
  monitor text not null,
  endpoint text not null,
  model text not null,
  version @int not null,
  severity text not null,
  state text not null,
  at @int not null,
  window_id text not null,
  window_from @int not null,
  window_to @int not null,
  windows @int not null,
  sentence text not null,
  opened_at @int not null,
  acknowledged_at @int,
  acknowledged_by text,
  note text,
  resolved_at @int
) @strict;

create index monitoring_alert_by_monitor on monitoring_alert (monitor, state);
