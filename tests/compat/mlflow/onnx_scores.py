"""Flights of April and what ONNX Runtime says of them, as JSON: `onnx_scores.py MODEL VERSION...`, models from the tracking server."""

import json
import sys
from pathlib import Path

import mlflow
import numpy
import onnxruntime

example = Path(__file__).resolve().parents[3] / "examples" / "flights-python"
sys.path.insert(0, str(example))
import train

name, *versions = sys.argv[1:]
features, _, at = train.timetable_rows(4)
sample = features[at > at.max() - 7 * train.day_ms].sample(200, random_state=3).astype(numpy.float32)
# One row in ten misses a value: models must agree on that too.
sample.iloc[::10, 2] = numpy.nan
scores = {}
for version in versions:
    model = mlflow.onnx.load_model(f"models:/{name}/{version}")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    answer = session.run(None, {session.get_inputs()[0].name: sample.to_numpy()})
    scores[version] = answer[1][:, 1].astype(float).tolist()
rows = [[None if numpy.isnan(v) else float(v) for v in row] for row in sample.to_numpy()]
print(json.dumps({"columns": list(sample.columns), "rows": rows, "scores": scores}))
