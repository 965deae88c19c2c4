"""Writes vectors.json: what MLflow's own scoring server answers to the bodies below.

Run it in an environment with the packages of ../mlflow/packages.ts: `python tests/compat/mlflow-scoring/record.py`. The models
compute the same sums as those that the replaying test serves; what is recorded is how bodies are read and answers are shaped.
"""

import json
import tempfile
from pathlib import Path

import mlflow
import numpy
import pandas
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

names = ["miles", "hour", "wind"]


def columns(data, wanted):
    if isinstance(data, pandas.DataFrame):
        return [data[n].to_numpy() if n in data else numpy.full(len(data), numpy.nan) for n in wanted]
    if isinstance(data, dict):
        return [numpy.asarray(data[n]).reshape(-1) for n in wanted]
    return list(numpy.asarray(data, dtype=float).T)


def sides(values, cut, low, high):
    return numpy.where(pandas.isna(values) | (values <= cut), low, high).astype(float)


class Numbers(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if isinstance(model_input, pandas.DataFrame) and "miles" not in model_input:
            model_input = model_input.to_numpy()
        miles, hour, wind = (v.astype(float) for v in columns(model_input, names))
        return sides(miles, 500, 1, 2) + sides(hour, 12, 10, 20) + sides(wind, 8.5, 100, 200)


class Named(Numbers):
    def predict(self, context, model_input, params=None):
        return pandas.DataFrame({"score": super().predict(context, model_input)})


class Mixed(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        miles, carrier, _ = columns(model_input, ["miles", "carrier", "wind"])
        return sides(miles.astype(float), 500, 1, 2) + numpy.where(carrier == "B6", 20.0, 10.0)


typed = Schema([ColSpec("long", "miles"), ColSpec("integer", "hour"), ColSpec("double", "wind")])
models = {
    "typed": (Numbers(), ModelSignature(inputs=typed)),
    "named": (Named(), ModelSignature(inputs=typed, outputs=Schema([ColSpec("double", "score")]))),
    "mixed": (
        Mixed(),
        ModelSignature(
            inputs=Schema([ColSpec("double", "miles"), ColSpec("string", "carrier"), ColSpec("double", "wind", required=False)])
        ),
    ),
    "flags": (Numbers(), ModelSignature(inputs=Schema([ColSpec("boolean", "miles"), ColSpec("float", "hour"), ColSpec("long", "wind")]))),
    "tensor": (Numbers(), ModelSignature(inputs=Schema([TensorSpec(numpy.dtype("float32"), (-1, 3))]))),
    "params": (
        Numbers(),
        ModelSignature(
            inputs=typed,
            params=ParamSchema([ParamSpec("cut", "double", 0.5), ParamSpec("mode", "string", "fast"), ParamSpec("ids", "long", [1], (-1,))]),
        ),
    ),
    "bare": (Numbers(), None),
}
json_type = "application/json"
row = {"miles": 900, "hour": 2, "wind": 9.0}
split = {"columns": names, "data": [[1, 2, 3.0], [900, 13, 9.5]]}

cases = [
    # how a table is written
    ("split", "typed", {"dataframe_split": split}),
    ("split with an index", "typed", {"dataframe_split": {**split, "index": [7, 8]}}),
    ("split, columns in another order", "typed", {"dataframe_split": {"columns": ["wind", "miles", "hour"], "data": [[9, 1, 2]]}}),
    ("split with a further column", "typed", {"dataframe_split": {"columns": [*names, "x"], "data": [[1, 2, 3, "?"]]}}),
    ("split without columns, no signature", "bare", {"dataframe_split": {"data": [[900, 2, 3]]}}),
    ("split without columns, named signature", "typed", {"dataframe_split": {"data": [[900, 2, 3]]}}),
    ("split with another member", "typed", {"dataframe_split": {**split, "dtype": "x"}}),
    ("split without data", "typed", {"dataframe_split": {"columns": names}}),
    ("split as a list", "typed", {"dataframe_split": [[1, 2, 3]]}),
    ("split with a short row", "typed", {"dataframe_split": {"columns": names, "data": [[1, 2]]}}),
    ("split with a column twice", "typed", {"dataframe_split": {"columns": ["miles", "miles", "hour", "wind"], "data": [[1, 2, 3, 4]]}}),
    ("split with no rows", "typed", {"dataframe_split": {"columns": names, "data": []}}),
    ("split with a missing column", "typed", {"dataframe_split": {"columns": ["miles", "hour"], "data": [[1, 2]]}}),
    ("records", "typed", {"dataframe_records": [row, {"miles": 1, "hour": 13, "wind": 3}]}),
    ("records with members in another order", "typed", {"dataframe_records": [{"wind": 9, "hour": 13, "miles": 1}]}),
    ("records as an object", "typed", {"dataframe_records": row}),
    ("records with a missing member", "typed", {"dataframe_records": [{"miles": 1, "hour": 2}]}),
    ("records, the second lacks a double", "typed", {"dataframe_records": [row, {"miles": 1, "hour": 13}]}),
    ("records, the second lacks a long", "typed", {"dataframe_records": [row, {"hour": 13, "wind": 1}]}),
    ("records, none", "typed", {"dataframe_records": []}),
    ("records of numbers", "typed", {"dataframe_records": [1, 2]}),
    ("instances, objects", "typed", {"instances": [row, {"miles": 1, "hour": 13, "wind": 3}]}),
    ("instances, lists, no signature", "bare", {"instances": [[1, 2, 3], [900, 13, 9]]}),
    ("instances, lists, tensor signature", "tensor", {"instances": [[1, 2, 3], [900, 13, 9]]}),
    ("instances, a missing member", "typed", {"instances": [{"miles": 1, "hour": 2}]}),
    ("instances, lists, named signature", "typed", {"instances": [[1, 2, 3]]}),
    ("instances, the second lacks a member", "typed", {"instances": [row, {"miles": 1, "hour": 13}]}),
    ("instances, no rows", "typed", {"instances": []}),
    ("instances, an object and a list", "typed", {"instances": [row, [1, 2, 3]]}),
    ("instances, columns", "typed", {"instances": {"miles": [1, 900], "hour": [2, 13], "wind": [3, 9]}}),
    ("instances, columns of different length", "typed", {"instances": {"miles": [1, 900], "hour": [2], "wind": [3, 9]}}),
    ("inputs, columns", "typed", {"inputs": {"miles": [1, 900], "hour": [2, 13], "wind": [3, 9.5]}}),
    ("inputs, one row of scalars", "typed", {"inputs": row}),
    ("inputs, columns of one value", "typed", {"inputs": {"miles": [[1], [900]], "hour": [[2], [13]], "wind": [[3], [9]]}}),
    ("inputs, columns of different length", "typed", {"inputs": {"miles": [1, 900], "hour": [2], "wind": [3, 9]}}),
    ("inputs, lists, named signature", "typed", {"inputs": [[1, 2, 3]]}),
    ("inputs, a scalar", "typed", {"inputs": 7}),
    ("inputs, columns, no signature", "bare", {"inputs": {"miles": [900], "hour": [2], "wind": [3]}}),
    ("inputs, objects, the second lacks a double", "typed", {"inputs": [row, {"miles": 1, "hour": 13}]}),
    ("inputs, objects", "typed", {"inputs": [row]}),
    ("inputs, lists, tensor signature", "tensor", {"inputs": [[1, 2, 3], [900, 13, 9]]}),
    ("inputs, lists, no signature", "bare", {"inputs": [[1, 2, 3]]}),
    ("inputs, a row too short for the tensor", "tensor", {"inputs": [[1, 2]]}),
    ("inputs, a missing column", "typed", {"inputs": {"miles": [1], "hour": [2]}}),
    ("table with other names for a tensor", "tensor", {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[900, 2, 3]]}}),
    ("table with other names, no signature", "bare", {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[900, 2, 3]]}}),
    ("table for a tensor", "tensor", {"dataframe_split": split}),
    ("named output", "named", {"dataframe_split": split}),
    # which forms
    ("no form", "typed", {"data": [[1, 2, 3]]}),
    ("two forms", "typed", {"instances": [row], "inputs": [row]}),
    ("a form and another member", "typed", {"instances": [row], "verbose": True}),
    ("signature_name", "typed", {"instances": [row], "signature_name": "x"}),
    ("a list", "typed", [row]),
    ("a number", "typed", 7),
    ("not JSON", "typed", '{"instances": ['),
    ("nothing", "typed", ""),
    ("tokens that JSON lacks", "typed", '{"dataframe_split": {"columns": ["miles", "hour", "wind"], "data": [[900, 2, NaN], [1, 2, Infinity]]}}'),
    ("the same words in a text", "mixed", '{"dataframe_records": [{"miles": NaN, "carrier": "NaN, Infinity", "wind": -Infinity}]}'),
    # types
    ("a missing double", "typed", {"dataframe_records": [{**row, "wind": None}]}),
    ("a missing long", "typed", {"dataframe_records": [{**row, "miles": None}]}),
    ("a word for a long", "typed", {"dataframe_records": [{**row, "miles": "far"}]}),
    ("a word for a double", "typed", {"dataframe_records": [{**row, "wind": "strong"}]}),
    ("a double that is whole for a long", "typed", {"dataframe_records": [{**row, "miles": 900.0}]}),
    ("a fraction for a long", "typed", {"dataframe_records": [{**row, "miles": 499.5}]}),
    ("an integer for a double", "typed", {"dataframe_records": [{**row, "wind": 9}]}),
    ("digits in quotes for a long", "typed", {"dataframe_records": [{**row, "miles": "900"}]}),
    ("an object for a double", "typed", {"dataframe_records": [{**row, "wind": {"a": 1}}]}),
    ("a number for a text", "mixed", {"dataframe_records": [{"miles": 1, "carrier": 7, "wind": 1}]}),
    ("a missing text", "mixed", {"dataframe_records": [{"miles": 1, "carrier": None, "wind": 1}]}),
    ("texts", "mixed", {"dataframe_records": [{"miles": 900, "carrier": c, "wind": 1} for c in ["UA", "B6", "Zürich"]]}),
    ("an optional column left out", "mixed", {"dataframe_records": [{"miles": 1, "carrier": "B6"}]}),
    ("an integer beyond 32 bits", "typed", {"dataframe_records": [{**row, "hour": 4294967298}]}),
    ("a list for a double", "typed", {"dataframe_records": [{**row, "wind": [9]}]}),
    ("a number beyond double", "typed", '{"dataframe_records": [{"miles": 1, "hour": 2, "wind": 1e999}]}'),
    ("true for a double", "typed", {"dataframe_records": [{**row, "wind": True}]}),
    ("a missing flag", "flags", {"dataframe_records": [{"miles": None, "hour": 1, "wind": 9}]}),
    ("two for a flag", "flags", {"dataframe_records": [{"miles": 2, "hour": 1, "wind": 9}]}),
    ("flags", "flags", {"dataframe_records": [{"miles": True, "hour": 13.5, "wind": 9}]}),
    ("a number for a flag", "flags", {"inputs": {"miles": [1], "hour": [13.5], "wind": [9]}}),
    # params
    ("params of a model that has none", "typed", {"instances": [row], "params": {"cut": 1}}),
    ("params", "params", {"instances": [row], "params": {"cut": 0.25, "mode": "slow", "ids": [1, 2]}}),
    ("an integer for a double param", "params", {"instances": [row], "params": {"cut": 1}}),
    ("an unknown param", "params", {"instances": [row], "params": {"speed": 1}}),
    ("a param of another type", "params", {"instances": [row], "params": {"cut": "half"}}),
    ("a number for a text param", "params", {"instances": [row], "params": {"mode": 1}}),
    ("a scalar for a list param", "params", {"instances": [row], "params": {"ids": 3}}),
    ("params that are a list", "params", {"instances": [row], "params": [1]}),
    ("params that are null", "params", {"instances": [row], "params": None}),
]
text_cases = [
    ("csv", "typed", "text/csv", "miles,hour,wind\n1,2,3\n900,13,9.5\n"),
    ("csv with CRLF and no last line end", "typed", "text/csv", "miles,hour,wind\r\n1,2,3\r\n900,13,9.5"),
    ("csv with an index column", "typed", "text/csv", ",miles,hour,wind\n0,1,2,3\n"),
    ("csv with an empty double", "typed", "text/csv", "miles,hour,wind\n900,2,\n"),
    ("csv with an empty long", "typed", "text/csv", "miles,hour,wind\n,2,3\n"),
    ("csv with a word for a double", "typed", "text/csv", "miles,hour,wind\n1,2,strong\n"),
    ("csv with quotes", "mixed", "text/csv", 'miles,carrier,wind\n900,"B6",1\n1,"a ""b"", c",2\n1,"x\ny",2\n'),
    ("csv with words for missing", "mixed", "text/csv", "miles,carrier,wind\nNA,B6,NaN\nnan,NULL,\n"),
    ("csv with a missing column", "typed", "text/csv", "miles,hour\n1,2\n"),
    ("csv with a charset", "typed", "text/csv; charset=UTF-8", "miles,hour,wind\n1,2,3\n"),
    ("csv with a longer row", "typed", "text/csv", "miles,hour,wind\n1,2,3\n1,2,3,4\n"),
    ("csv with a blank line", "typed", "text/csv", "miles,hour,wind\n1,2,3\n\n900,2,3\n"),
    ("csv with an open quote", "typed", "text/csv", 'miles,hour,wind\n1,2,"3\n'),
    ("csv that is empty", "typed", "text/csv", ""),
    ("another charset", "typed", "application/json; charset=latin-1", "{}"),
    ("another parameter", "typed", "application/json; format=pandas-split", "{}"),
    ("another type", "typed", "text/plain", "1,2,3"),
]



def answer_of(model, content_type, body):
    schema = model.metadata.get_input_schema()
    try:
        answer = scoring_server.invocations(body.encode(), content_type, model, schema)
    except mlflow.MlflowException as error:
        return {"status": error.get_http_status_code(), "error_code": error.error_code, "message": error.message[:300]}
    if answer.status != 200:
        return {"status": answer.status, "type": answer.mimetype}
    return {"status": 200, "predictions": json.loads(answer.response)["predictions"]}


def main():
    vectors = []
    with tempfile.TemporaryDirectory() as folder:
        loaded = {}
        for name, (model, signature) in models.items():
            path = str(Path(folder) / name)
            mlflow.pyfunc.save_model(path, python_model=model, signature=signature, pip_requirements=[])
            loaded[name] = mlflow.pyfunc.load_model(path)
        texts = [(n, m, json_type, b if isinstance(b, str) else json.dumps(b, ensure_ascii=False)) for n, m, b in cases]
        for name, model, content_type, body in [*texts, *text_cases]:
            vectors.append({"name": name, "model": model, "type": content_type, "body": body, "answer": answer_of(loaded[model], content_type, body)})
        signatures = {}
        for name, (_, signature) in models.items():
            parts = signature.to_dict() if signature else {}
            signatures[name] = {part: json.loads(text) for part, text in parts.items() if text}
    document = {"recorded": f"mlflow {mlflow.__version__}, pandas {pandas.__version__}", "signatures": signatures, "vectors": vectors}
    (Path(__file__).parent / "vectors.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


main()
