create table auth_token (
  name text not null primary key,
  lookup text not null unique,
  hash text not null,
  role text not null,
  created_at @int not null,
  created_by text not null,
  expires_at @int
) @strict;
