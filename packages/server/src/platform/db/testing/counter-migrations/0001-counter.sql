create table counter (name text not null primary key, value @int not null check (value >= 0)) @strict;
create table wide (id @id, big @int not null, ratio @real not null, bytes @bytes not null, text text not null) @strict;
