create index pipelines_run_by_state on pipelines_run(state, id);
