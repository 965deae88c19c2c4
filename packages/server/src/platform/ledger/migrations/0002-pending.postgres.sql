create table ledger_pending (
  id @id,
  at @int not null,
  actor text not null,
  kind text not null,
  subject text not null,
  body text not null,
  digest @bytes not null
);
