alter table pipelines_step add column problem_code text;
