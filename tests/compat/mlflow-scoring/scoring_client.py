"""Scoring an endpoint through mlflow.deployments, through MLflow's scoring server client, and through requests."""

import os
import time

import cases
import numpy
import pandas
import requests
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

url = os.environ["MLFLOW_TRACKING_URI"]
host, port = url.removeprefix("http://").split(":")
frame = pandas.DataFrame({"miles": [1, 900, 900], "hour": [2, 13, 2], "wind": [3.0, 9.5, numpy.nan]})
expected = [111, 222, 112]


def the_deployments_client():
    client = get_deploy_client(url)
    inputs = {"dataframe_split": frame.iloc[:2].to_dict(orient="split")}
    assert client.predict(endpoint="numbers", inputs=inputs) == {"predictions": [111, 222]}
    inputs = {"dataframe_records": [{"miles": 900, "carrier": "B6", "wind": None}]}
    assert client.predict(endpoint="mixed", inputs=inputs) == {"predictions": [22]}


def the_scoring_server_client():
    client = ScoringServerClient(host, f"{port}/endpoints/numbers")
    client.wait_server_ready(timeout=2)
    assert client.get_version().startswith("3.")
    answer = client.invoke(frame)
    assert answer.get_predictions()[0].tolist() == expected, answer
    # A frame with a missing number is written with the token NaN, which JSON does not have.
    assert numpy.isnan(frame["wind"].iloc[2])
    answer = client.invoke([{"miles": 900, "hour": 13, "wind": 9}], params={"unknown": 1})
    assert answer.get_predictions(predictions_format="ndarray").tolist() == [222]


def frames_as_csv():
    for options in [{"index": False}, {}]:
        response = requests.post(f"{url}/endpoints/numbers/invocations", data=frame.to_csv(**options), headers={"content-type": "text/csv"})
        assert response.json() == {"predictions": expected}, response.text
    texts = pandas.DataFrame({"miles": [900, 1], "carrier": ["B6", 'a "quoted", one'], "wind": [1, 1]})
    response = requests.post(f"{url}/endpoints/mixed/invocations", data=texts.to_csv(), headers={"content-type": "text/csv; charset=utf-8"})
    assert response.json() == {"predictions": [22, 11]}, response.text


def refusals_name_the_place_and_are_not_repeated():
    started = time.time()
    client = get_deploy_client(url)
    for endpoint, inputs, words in [
        ("numbers", {"dataframe_records": [{"miles": "far", "hour": 1}]}, ["dataframe_records[0].miles", "far", "long"]),
        ("numbers", {"instances": [{"hour": 1}]}, ["miles", "missing"]),
        ("nowhere", {"instances": [{"hour": 1}]}, ["nowhere"]),
    ]:
        try:
            client.predict(endpoint=endpoint, inputs=inputs)
        except Exception as error:
            missing = [w for w in words if w not in str(error)]
            assert not missing, f"{missing} not in {error}"
        else:
            raise AssertionError(f"{inputs} was answered")
    answer = requests.post(f"{url}/endpoints/numbers/invocations", json={"rows": []})
    assert answer.status_code == 400 and answer.json()["error_code"] == "BAD_REQUEST", answer.text
    assert time.time() - started < 2


def every_prediction_is_in_the_log():
    items = requests.get(f"{url}/api/endpoints/numbers/predictions?limit=100").json()["items"]
    assert {item["score"] for item in items} == {111, 112, 222}
    assert all(item["model"] == "numbers" and item["version"] == 1 for item in items)


cases.main(
    [
        the_deployments_client,
        the_scoring_server_client,
        frames_as_csv,
        refusals_name_the_place_and_are_not_repeated,
        every_prediction_is_in_the_log,
    ]
)
