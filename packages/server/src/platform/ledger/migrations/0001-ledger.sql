create table ledger_event (
  seq @int not null primary key,
  at @int not null,
  actor text not null,
  kind text not null,
  subject text not null,
  body text not null,
  digest @bytes not null,
  chain @bytes not null
) @strict;
create index ledger_event_by_subject on ledger_event(subject, seq);
create index ledger_event_by_kind on ledger_event(kind, seq);

create table ledger_head (
  id @int not null primary key check (id = 0),
  seq @int not null,
  chain @bytes not null
) @strict;

create table ledger_cursor (
  consumer text not null primary key,
  seq @int not null,
  updated_at @int not null
) @strict_without_rowid;
