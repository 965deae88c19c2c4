-- A simulation names the endpoint that it imitates, and ends when nobody renews it in time.
alter table projects_project add column simulation_of text;
alter table projects_project add column expires_at @int;
