-- What the simulated clients asked for, and what came of it.
create table sim_order (
  key text primary key,
  job bigint
);
create table sim_effect (
  consumer text not null,
  key text not null,
  -- How often it was done: more than once means that something was done twice.
  count bigint not null,
  -- In which order the consumer did it first.
  place bigint not null,
  primary key (consumer, key)
);
