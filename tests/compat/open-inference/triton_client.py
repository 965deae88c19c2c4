"""Open Inference through tritonclient: health, metadata, tensors as JSON and as bytes, many requests at once, refusals."""

import os

import cases
import numpy
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

address = os.environ["MLFLOW_TRACKING_URI"].removeprefix("http://")
client = triton.InferenceServerClient(address, concurrency=8)
rows = numpy.array([[1, 2, 3], [900, 13, 9.5], [900, 2, numpy.nan]], dtype=numpy.float32)
expected = [111, 222, 112]


def tensor(name, values, datatype, binary=True):
    found = triton.InferInput(name, list(values.shape), datatype)
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return str(error)
    raise AssertionError("nothing was refused")


def health_and_metadata():
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("numbers") and not client.is_model_ready("nowhere")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    found = client.get_model_metadata("numbers")
    assert found["name"] == "numbers" and found["versions"] == ["1"]
    assert found["inputs"][0]["shape"] == [-1, 3] and found["inputs"][0]["datatype"] == "FP32"
    assert [i["name"] for i in client.get_model_metadata("mixed")["inputs"]] == ["miles", "carrier", "wind"]
    assert "score" in [o["name"] for o in found["outputs"]]


def one_tensor_of_all_columns_as_bytes():
    answer = client.infer("numbers", [tensor("features", rows, "FP32")], outputs=[triton.InferRequestedOutput("score")])
    score = answer.as_numpy("score")
    assert score.dtype == numpy.float32 and score.tolist() == expected
    assert answer.get_response()["model_version"] == "1"


def tensors_as_json():
    whole = rows[:2]
    asked = [triton.InferRequestedOutput(name, binary_data=False) for name in ["score", "prediction_id", "model_version"]]
    answer = client.infer("numbers", [tensor("features", whole, "FP32", binary=False)], outputs=asked, request_id="flight-7")
    assert answer.as_numpy("score").tolist() == expected[:2]
    assert answer.as_numpy("model_version").tolist() == [1, 1]
    ids = answer.as_numpy("prediction_id")
    assert len(set(ids.tolist())) == 2 and answer.get_response()["id"] == "flight-7"


def a_tensor_for_each_column():
    for binary in [True, False]:
        inputs = [
            tensor("carrier", numpy.array([b"B6", "Zürich".encode()], dtype=object), "BYTES", binary),
            tensor("miles", numpy.array([900, 1], dtype=numpy.int64), "INT64", binary),
            tensor("wind", numpy.array([[1.5], [2.5]], dtype=numpy.float64), "FP64", binary),
        ]
        answer = client.infer("mixed", inputs)
        assert answer.as_numpy("score").tolist() == [22, 11]
        assert len(answer.as_numpy("prediction_id")) == 2


def many_requests_at_once():
    pending = [client.async_infer("numbers", [tensor("features", rows[i % 3 : i % 3 + 1], "FP32")]) for i in range(64)]
    assert [p.get_result().as_numpy("score").tolist() for p in pending] == [[expected[i % 3]] for i in range(64)]


def the_asynchronous_client():
    import asyncio

    async def score():
        async with triton_aio.InferenceServerClient(address) as other:
            answer = await other.infer("numbers", [tensor("features", rows, "FP32")])
            return answer.as_numpy("score").tolist()

    assert asyncio.run(score()) == expected


def refusals_say_why():
    assert "3" in refused(lambda: client.infer("numbers", [tensor("features", rows[:, :2].copy(), "FP32")]))
    assert "nowhere" in refused(lambda: client.infer("nowhere", [tensor("features", rows, "FP32")]))
    text = numpy.array([b"far"], dtype=object)
    number = numpy.array([1], dtype=numpy.float32)
    message = refused(lambda: client.infer("mixed", [tensor("miles", text, "BYTES"), tensor("carrier", text, "BYTES"), tensor("wind", number, "FP32")]))
    assert "miles" in message and "BYTES" in message, message
    assert "logits" in refused(lambda: client.infer("numbers", [tensor("features", rows, "FP32")], outputs=[triton.InferRequestedOutput("logits")]))


cases.main(
    [
        health_and_metadata,
        one_tensor_of_all_columns_as_bytes,
        tensors_as_json,
        a_tensor_for_each_column,
        many_requests_at_once,
        the_asynchronous_client,
        refusals_say_why,
    ]
)
