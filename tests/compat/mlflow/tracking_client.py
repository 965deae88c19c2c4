"""Tracking through the unmodified client: experiments, runs, metrics, params, tags, search, artifacts."""

import math
import os
import tempfile
import time

import cases
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

client = MlflowClient()


def set_experiment_creates_once():
    first = mlflow.set_experiment("flights")
    again = mlflow.set_experiment("flights")
    assert first.experiment_id == again.experiment_id
    assert client.get_experiment(first.experiment_id).name == "flights"
    assert client.get_experiment("0").name == "Default"
    message = cases.raises("RESOURCE_ALREADY_EXISTS", lambda: client.create_experiment("flights"))
    assert "already exists" in message
    assert client.get_experiment_by_name("nothing") is None


def experiments_are_renamed_tagged_deleted_and_restored():
    id = client.create_experiment("old name", tags={"team": "ops"})
    client.rename_experiment(id, "new name")
    client.set_experiment_tag(id, "stage", "trial")
    found = client.get_experiment(id)
    assert (found.name, found.tags) == ("new name", {"team": "ops", "stage": "trial"})
    client.delete_experiment_tag(id, "stage")
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_experiment_tag(id, "stage"))
    run = client.create_run(id)
    client.delete_experiment(id)
    assert client.get_experiment(id).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.create_run(id))
    client.restore_experiment(id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
    names = [e.name for e in client.search_experiments(filter_string="name LIKE 'new%' AND tags.team = 'ops'")]
    assert names == ["new name"], names
    everything = client.search_experiments(view_type=ViewType.ALL, max_results=1)
    assert len(everything) == 1 and everything.token


def a_run_with_everything():
    experiment = mlflow.set_experiment("flights")
    with mlflow.start_run(run_name="first", tags={"kind": "trial"}, description="a note") as run:
        mlflow.log_param("depth", 6)
        mlflow.log_params({"model": "gbt", "rate": 0.1, "empty": ""})
        mlflow.log_metric("auc", 0.71)
        for step in range(5):
            mlflow.log_metrics({"loss": 1 / (step + 1), "val/auc": step / 10}, step=step)
        mlflow.set_tag("note", "x")
        mlflow.set_tags({"a": 1, "b": 2})
    found = client.get_run(run.info.run_id)
    assert found.info.status == "FINISHED" and found.info.end_time >= found.info.start_time
    assert found.info.run_name == "first" and found.data.tags["mlflow.runName"] == "first"
    assert found.info.experiment_id == experiment.experiment_id
    assert found.data.params == {"depth": "6", "model": "gbt", "rate": "0.1", "empty": ""}
    assert found.data.metrics == {"auc": 0.71, "loss": 0.2, "val/auc": 0.4}
    tags = found.data.tags
    assert (tags["kind"], tags["note"], tags["a"], tags["mlflow.note.content"]) == ("trial", "x", "1", "a note")
    assert tags["mlflow.user"] == found.info.user_id
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(s, 1 / (s + 1)) for s in range(5)]
    with mlflow.start_run(run_id=run.info.run_id):
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("late", 1)
    with mlflow.start_run(run_name="parent") as parent:
        with mlflow.start_run(nested=True) as child:
            pass
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    failed = None
    try:
        with mlflow.start_run() as failing:
            failed = failing.info.run_id
            raise ValueError("stop")
    except ValueError:
        pass
    assert client.get_run(failed).info.status == "FAILED"
    assert client.get_run(failed).info.run_name.count("-") == 2


def refusals_in_the_words_that_the_client_knows():
    id = client.create_experiment("refusals")
    run = client.create_run(id).info.run_id
    client.log_param(run, "p", "1")
    client.log_param(run, "p", "1")
    message = cases.raises("INVALID_PARAMETER_VALUE", lambda: client.log_param(run, "p", "2"))
    assert "Changing param values is not allowed" in message, message
    before = client.get_run(run).data
    batch = lambda: client.log_batch(run, metrics=[Metric("m", 1, 1, 0)], params=[Param("p", "3")], tags=[RunTag("t", "1")])
    cases.raises("INVALID_PARAMETER_VALUE", batch)
    assert client.get_run(run).data.metrics == before.metrics == {}
    assert "not found" in cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_run("0" * 32))
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_run("nonsense"))
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_experiment("123456"))
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_tag(run, "nothing"))
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.search_runs([id], filter_string="metrics.m = "))
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.search_runs([id], filter_string="attributes.colour = 'x'"))
    client.delete_run(run)
    client.delete_run(run)
    message = cases.raises("INVALID_PARAMETER_VALUE", lambda: client.log_metric(run, "m", 1))
    assert "must be in the 'active' state" in message
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    client.set_terminated(run, "KILLED")
    assert client.get_run(run).info.status == "KILLED"
    client.update_run(run, status="RUNNING", name="renamed")
    assert client.get_run(run).info.run_name == "renamed"


def numbers_survive():
    run = client.create_run(client.create_experiment("numbers")).info.run_id
    values = {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "tiny": 5e-324, "third": 1 / 3, "big": 1.7e308}
    now = int(time.time() * 1000)
    client.log_batch(run, metrics=[Metric(k, v, now, 0) for k, v in values.items()])
    client.log_metric(run, "nan2", math.nan)
    got = client.get_run(run).data.metrics
    assert math.isnan(got.pop("nan")) and math.isnan(got.pop("nan2"))
    del values["nan"]
    assert got == values, got
    client.log_metric(run, "steps", 1, step=-5)
    client.log_metric(run, "steps", 2, step=2**40)
    assert client.get_run(run).data.metrics["steps"] == 2


def batches_of_the_largest_size():
    run = client.create_run(mlflow.set_experiment("batches").experiment_id).info.run_id
    client.log_batch(run, metrics=[Metric("m", i / 7, i, i) for i in range(1000)])
    with mlflow.start_run(run_id=run):
        mlflow.log_params({f"p{i}": "x" * 250 for i in range(250)})
        mlflow.log_metrics({f"key number {i}": i for i in range(1500)})
    assert len(client.get_metric_history(run, "m")) == 1000
    data = client.get_run(run).data
    assert len(data.params) == 250 and len(data.metrics) == 1501
    client.log_param(run, "long", "x" * 6001)
    assert len(client.get_run(run).data.params["long"]) == 6000


def asynchronous_logging():
    run = client.create_run(client.create_experiment("async")).info.run_id
    operations = [client.log_metric(run, "m", i, step=i, synchronous=False) for i in range(40)]
    operations += [client.log_param(run, f"p{i}", i, synchronous=False) for i in range(20)]
    for operation in operations:
        operation.wait()
    assert len(client.get_metric_history(run, "m")) == 40
    assert client.get_run(run).data.metrics["m"] == 39 and len(client.get_run(run).data.params) == 20


def search_runs_in_every_way():
    id = client.create_experiment("search")
    for i in range(12):
        run = client.create_run(id, run_name=f"run-{i}", start_time=1000 + i, tags={"model": ["gbt", "linear"][i % 2]})
        if i != 5:
            client.log_metric(run.info.run_id, "auc", math.nan if i == 7 else i / 10)
        client.log_param(run.info.run_id, "depth", str(i % 3))
        if i < 4:
            client.set_terminated(run.info.run_id)

    def names(filter="", order=None, **more):
        return [r.info.run_name for r in client.search_runs([id], filter, order_by=order, **more)]

    assert names(max_results=2) == ["run-11", "run-10"]
    assert names("metrics.auc > 0.85") == ["run-11", "run-10", "run-9"]
    assert names("metrics.auc > 0.5 AND params.depth = '0' and tags.model = 'linear'") == ["run-9"]
    assert names("params.depth = '0' OR metrics.auc >= 1.1", ["start_time ASC"]) == ["run-0", "run-3", "run-6", "run-9", "run-11"]
    assert names("NOT (params.depth = '0' OR tags.model = 'gbt')", ["start_time ASC"]) == ["run-1", "run-5", "run-7", "run-11"]
    ordered = names(order=["metrics.auc DESC"])
    assert ordered[:3] == ["run-11", "run-10", "run-9"] and ordered[-2:] == ["run-7", "run-5"], ordered
    ordered = names(order=["metrics.auc ASC"])
    assert ordered[0] == "run-0" and ordered[-2:] == ["run-7", "run-5"], ordered
    assert names("attributes.status = 'FINISHED'", ["attributes.start_time DESC"]) == ["run-3", "run-2", "run-1", "run-0"]
    assert names("run_name LIKE 'run-1%'") == ["run-11", "run-10", "run-1"]
    assert names("run_name ILIKE 'RUN-1'") == ["run-1"]
    assert names("attributes.start_time < 1002") == ["run-1", "run-0"]
    run_id = client.search_runs([id], max_results=1)[0].info.run_id
    assert names(f"attributes.run_id IN ('{run_id}', 'x')") == ["run-11"]
    assert names(order=["params.depth DESC", "metrics.auc"])[0] == "run-2"
    pages, token = [], None
    while True:
        page = client.search_runs([id], order_by=["metrics.auc DESC"], max_results=5, page_token=token)
        pages.append([r.info.run_name for r in page])
        token = page.token
        if not token:
            break
    assert [len(p) for p in pages] == [5, 5, 2] and sum(pages, []) == names(order=["metrics.auc DESC"])
    frame = mlflow.search_runs([id], filter_string="metrics.auc > 0.85")
    assert len(frame) == 3 and "params.depth" in frame.columns


def artifacts_through_the_proxy():
    run = client.create_run(client.create_experiment("files")).info.run_id
    assert client.get_run(run).info.artifact_uri.startswith("mlflow-artifacts:/")
    with tempfile.TemporaryDirectory() as folder:
        for name in ["a.txt", "sub/b c.txt", "sub/deep/ü+ä.bin"]:
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(name.encode() * 1000)
        client.log_artifact(run, os.path.join(folder, "a.txt"))
        client.log_artifact(run, os.path.join(folder, "a.txt"), "copies/one")
        client.log_artifacts(run, folder, "tree")
    client.log_text(run, "hello", "notes/hello.txt")
    client.log_dict(run, {"a": 1}, "notes/data.json")
    roots = sorted((f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run))
    assert roots == [("a.txt", False, 5000), ("copies", True, None), ("notes", True, None), ("tree", True, None)], roots
    assert [f.path for f in client.list_artifacts(run, "tree/sub")] == ["tree/sub/b c.txt", "tree/sub/deep"]
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run, "tree", folder)
        with open(os.path.join(path, "sub/deep/ü+ä.bin"), "rb") as file:
            assert file.read() == "sub/deep/ü+ä.bin".encode() * 1000
    assert mlflow.artifacts.load_text(f"runs:/{run}/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run}/notes/data.json") == {"a": 1}
    assert [f.path for f in mlflow.artifacts.list_artifacts(run_id=run, artifact_path="copies")] == ["copies/one"]


def datasets_are_inputs():
    import pandas

    mlflow.set_experiment("datasets")
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    dataset = mlflow.data.from_pandas(frame, name="tiny", targets="y")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"rows": "2"})
    found = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(found) == 1 and found[0].dataset.name == "tiny" and found[0].dataset.digest == dataset.digest
    assert {t.key: t.value for t in found[0].tags}["mlflow.data.context"] == "training"
    id = mlflow.get_experiment_by_name("datasets").experiment_id
    search = lambda f: [r.info.run_id for r in client.search_runs([id], f)]
    assert search("dataset.name = 'tiny' AND dataset.context = 'training'") == [run.info.run_id]
    assert search("dataset.name = 'other'") == []


cases.main(
    [
        set_experiment_creates_once,
        experiments_are_renamed_tagged_deleted_and_restored,
        a_run_with_everything,
        refusals_in_the_words_that_the_client_knows,
        numbers_survive,
        batches_of_the_largest_size,
        asynchronous_logging,
        search_runs_in_every_way,
        artifacts_through_the_proxy,
        datasets_are_inputs,
    ]
)
