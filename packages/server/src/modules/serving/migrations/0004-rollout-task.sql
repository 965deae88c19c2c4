-- What the versions of a rollout answer, and so what they were compared by; null of older ones, which were of two classes.
alter table serving_rollout add column task text;
