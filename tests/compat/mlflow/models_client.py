"""Models through the unmodified client: log_model, registration, aliases, stages, loading back, search."""

import os
import tempfile
import cases
import mlflow
import numpy
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

client = MlflowClient()
random = numpy.random.default_rng(7)
rows = random.normal(size=(200, 3))
labels = (rows[:, 0] + rows[:, 1] > 0).astype(int)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
signature = infer_signature(rows, model.predict(rows))


def a_scikit_learn_model_logged_and_loaded():
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, input_example=rows[:2], pip_requirements=["scikit-learn"])
    assert info.model_id.startswith("m-")
    logged = mlflow.get_logged_model(info.model_id)
    assert logged.status == "READY" and logged.source_run_id == run.info.run_id and logged.name == "model"
    assert [o.model_id for o in client.get_run(run.info.run_id).outputs.model_outputs] == [info.model_id]
    for uri in [info.model_uri, f"models:/{info.model_id}", f"runs:/{run.info.run_id}/model"]:
        loaded = mlflow.pyfunc.load_model(uri)
        assert numpy.array_equal(loaded.predict(rows), model.predict(rows)), uri
    assert mlflow.models.get_model_info(info.model_uri).signature == signature


def registered_aliased_and_loaded_by_alias():
    mlflow.set_experiment("models")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, registered_model_name="by-alias", pip_requirements=["scikit-learn"])
    assert info.registered_model_version in (1, "1")
    again = mlflow.register_model(info.model_uri, "by-alias", tags={"source": "again"})
    assert str(again.version) == "2" and again.status == "READY"
    client.set_registered_model_alias("by-alias", "champion", "2")
    assert str(client.get_model_version_by_alias("by-alias", "champion").version) == "2"
    for uri in ["models:/by-alias@champion", "models:/by-alias/1", "models:/by-alias/latest"]:
        loaded = mlflow.sklearn.load_model(uri)
        assert numpy.array_equal(loaded.predict(rows), model.predict(rows)), uri
    assert client.get_registered_model("by-alias").aliases == {"champion": "2"}
    assert client.get_model_version("by-alias", "2").tags["source"] == "again"
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias("by-alias", "nothing"))
    copied = client.copy_model_version("models:/by-alias@champion", "copied")
    assert numpy.array_equal(mlflow.sklearn.load_model(f"models:/copied/{copied.version}").predict(rows), model.predict(rows))
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.create_model_version("copied", "models:/by-alias/99"))
    client.delete_registered_model_alias("by-alias", "champion")
    client.delete_registered_model_alias("by-alias", "champion")
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version_by_alias("nothing", "champion"))
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts("models:/by-alias/1", dst_path=folder)
        assert "MLmodel" in os.listdir(path)


def an_onnx_model_logged_registered_and_scored():
    import onnxruntime
    from skl2onnx import to_onnx

    onnx_model = to_onnx(model, rows[:1].astype(numpy.float32), options={"zipmap": False})
    mlflow.set_experiment("models")
    with mlflow.start_run():
        info = mlflow.onnx.log_model(onnx_model, name="onnx", signature=signature, registered_model_name="as-onnx", pip_requirements=["scikit-learn"])
    loaded = mlflow.onnx.load_model("models:/as-onnx/1")
    session = onnxruntime.InferenceSession(loaded.SerializeToString())
    got = session.run(None, {session.get_inputs()[0].name: rows.astype(numpy.float32)})[0]
    assert numpy.array_equal(got, model.predict(rows))
    assert info.registered_model_version in (1, "1")


def models_and_versions_are_searched():
    names = [m.name for m in client.search_registered_models()]
    assert names == sorted(names) and "by-alias" in names, names
    assert [m.name for m in client.search_registered_models("name LIKE 'by-%'")] == ["by-alias"]
    client.set_registered_model_tag("by-alias", "team", "ops")
    assert [m.name for m in client.search_registered_models("tags.team = 'ops'")] == ["by-alias"]
    versions = client.search_model_versions("name = 'by-alias'", order_by=["version_number DESC"])
    assert [str(v.version) for v in versions] == ["2", "1"]
    run_id = versions[0].run_id
    assert {v.name for v in client.search_model_versions(f"run_id = '{run_id}'")} == {"by-alias", "copied"}
    page = client.search_registered_models(max_results=1)
    assert len(page) == 1 and page.token
    assert client.search_registered_models(max_results=1, page_token=page.token)[0].name != page[0].name
    experiment = mlflow.get_experiment_by_name("models").experiment_id
    found = mlflow.search_logged_models([experiment], output_format="list")
    assert len(found) >= 2 and all(m.experiment_id == experiment for m in found)
    assert [m.name for m in mlflow.search_logged_models([experiment], filter_string="name = 'onnx'", output_format="list")] == ["onnx"]


def registry_changes():
    client.create_registered_model("changes", tags={"a": "1"}, description="first")
    cases.raises("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model("changes"))
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model("nothing"))
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.create_registered_model("a/b"))
    client.update_registered_model("changes", description="second")
    client.rename_registered_model("changes", "changed")
    renamed = client.get_registered_model("changed")
    assert (renamed.name, renamed.description, renamed.tags) == ("changed", "second", {"a": "1"})
    source = client.get_model_version("by-alias", "1").source
    for expected in ["1", "2"]:
        assert str(client.create_model_version("changed", source).version) == expected
    client.update_model_version("changed", "1", description="about one")
    client.set_model_version_tag("changed", "1", "checked", "yes")
    version = client.get_model_version("changed", "1")
    assert (version.description, version.tags) == ("about one", {"checked": "yes"})
    client.delete_model_version_tag("changed", "1", "checked")
    client.transition_model_version_stage("changed", "1", "Production")
    client.transition_model_version_stage("changed", "2", "production", archive_existing_versions=True)
    stages = {str(v.version): v.current_stage for v in client.search_model_versions("name = 'changed'")}
    assert stages == {"1": "Archived", "2": "Production"}
    assert [str(v.version) for v in client.get_latest_versions("changed", ["Production"])] == ["2"]
    client.delete_model_version("changed", "2")
    assert str(client.create_model_version("changed", source).version) == "3"
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version("changed", "2"))
    client.delete_registered_model("changed")
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model("changed"))
    for source in ["/etc", "file:///etc", "https://example.com/x", "mlflow-artifacts:/../../etc", "runs:/x/y"]:
        cases.raises("INVALID_PARAMETER_VALUE", lambda: client.create_model_version("by-alias", source))


def logged_model_entity():
    experiment = mlflow.set_experiment("logged").experiment_id
    made = client.create_logged_model(experiment, name="plain", params={f"p{i}": str(i) for i in range(150)}, tags={"a": "1"})
    assert made.status == "PENDING"
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.8, model_id=made.model_id)
    client.set_logged_model_tags(made.model_id, {"b": "2"})
    client.delete_logged_model_tag(made.model_id, "a")
    client.finalize_logged_model(made.model_id, "READY")
    found = client.get_logged_model(made.model_id)
    assert found.status == "READY" and len(found.params) == 150 and found.tags["b"] == "2" and "a" not in found.tags
    assert [(m.key, m.value, m.run_id) for m in found.metrics] == [("auc", 0.8, run.info.run_id)]
    ids = [m.model_id for m in client.search_logged_models([experiment], "metrics.auc > 0.7")]
    assert ids == [made.model_id]
    client.delete_logged_model(made.model_id)
    cases.raises("RESOURCE_DOES_NOT_EXIST", lambda: client.get_logged_model(made.model_id))


def autolog_of_scikit_learn():
    mlflow.set_experiment("autolog")
    mlflow.sklearn.autolog(log_datasets=True)
    try:
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit(rows, labels)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5" and "training_accuracy_score" in found.data.metrics
    assert len(found.inputs.dataset_inputs) == 1 and len(found.outputs.model_outputs) == 1
    assert "estimator.html" in [f.path for f in client.list_artifacts(run.info.run_id)]


cases.main(
    [
        a_scikit_learn_model_logged_and_loaded,
        registered_aliased_and_loaded_by_alias,
        an_onnx_model_logged_registered_and_scored,
        models_and_versions_are_searched,
        registry_changes,
        logged_model_entity,
        autolog_of_scikit_learn,
    ]
)
