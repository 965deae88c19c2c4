-- Two versions counted in the same bins: depends on the contents alone, so it is kept by both digests.
create table data_comparison (
  digest text not null,
  against_digest text not null,
  content text not null,
  created_at @int not null,
  primary key (digest, against_digest)
) @strict;
