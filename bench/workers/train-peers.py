"""One measurement of LightGBM or scikit-learn on the rows that train.ts prepared; prints what train-slipway.ts prints."""

import json
import os
import sys
import time

import numpy as np
from sklearn.metrics import roc_auc_score

engine, folder = sys.argv[1], sys.argv[2]
with open(os.path.join(folder, "shape.json"), encoding="utf-8") as file:
    shape = json.load(file)
width = len(shape["featureNames"])


def load(name, rows):
    raw = np.fromfile(os.path.join(folder, name + ".f64"), dtype=np.float64).reshape(width + 2, rows)
    return np.ascontiguousarray(raw[:width].T), raw[width], raw[width + 1]


x, y, _ = load("train", shape["trainRows"])
test_x, test_y, test_month = load("test", shape["testRows"])

if engine == "lightgbm":
    import lightgbm

    parameters = {
        "objective": "binary",
        "learning_rate": 0.06,
        "num_leaves": 31,
        "min_data_in_leaf": 50,
        "lambda_l2": 1.0,
        "max_bin": 255,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }

    def fit():
        return lightgbm.train(parameters, lightgbm.Dataset(x, y, params=parameters), 150)

    def score(model):
        return model.predict(test_x)

elif engine == "sklearn":
    from sklearn.ensemble import HistGradientBoostingClassifier

    def fit():
        return HistGradientBoostingClassifier(
            learning_rate=0.06,
            max_iter=150,
            max_leaf_nodes=31,
            min_samples_leaf=50,
            l2_regularization=1.0,
            max_bins=255,
            early_stopping=False,
        ).fit(x, y)

    def score(model):
        return model.predict_proba(test_x)[:, 1]

else:
    sys.exit(f"unknown engine {engine}")

cpu, wall = time.process_time(), time.perf_counter()
model = fit()
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall

scores = score(model)
areas = [roc_auc_score(test_y[test_month == month], scores[test_month == month]) for month in (4, 5, 6)]
print(json.dumps({"cpuS": cpu, "wallS": wall, "auc": float(np.mean(areas))}))
