-- Of firings that asked for approval: until when they wait, when and why somebody decided.
alter table automation_firing add column lapses_at @int;
alter table automation_firing add column decided_at @int;
alter table automation_firing add column decision text;
-- Seven days, as if they had asked with the usual rule.
update automation_firing set lapses_at = created_at + 604800000 where state = 'waiting' or decided_by is not null;
create index automation_firing_by_lapse on automation_firing (lapses_at);
create index automation_firing_asked on automation_firing (created_at, id) where lapses_at is not null;
