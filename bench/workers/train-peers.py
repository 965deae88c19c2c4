"""One measurement of LightGBM or scikit-learn on the rows that train-rows.ts prepared; prints what train-slipway.ts prints."""

import json
import os
import sys
import time

import numpy as np
from sklearn.metrics import roc_auc_score

engine, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(os.path.join(folder, "shape.json"), encoding="utf-8") as file:
    shape = json.load(file)
width = len(shape["featureNames"])
settings = shape["settings"]


def load(name, rows):
    raw = np.fromfile(os.path.join(folder, name + ".f64"), dtype=np.float64).reshape(width + 2, rows)
    return np.ascontiguousarray(raw[:width].T), raw[width].copy(), raw[width + 1].copy()


x, y, _ = load("train", shape["trainRows"])

if engine == "lightgbm":
    import lightgbm

    parameters = {
        "objective": "binary",
        "learning_rate": settings["learningRate"],
        "num_leaves": settings["leaves"],
        "min_data_in_leaf": settings["minRowsPerLeaf"],
        "lambda_l2": 1.0,
        "max_bin": 255,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }

    def fit():
        return lightgbm.train(parameters, lightgbm.Dataset(x, y, params=parameters), settings["rounds"])

    def score(model, rows):
        return model.predict(rows)

elif engine == "sklearn":
    from sklearn.ensemble import HistGradientBoostingClassifier

    def fit():
        return HistGradientBoostingClassifier(
            learning_rate=settings["learningRate"],
            max_iter=settings["rounds"],
            max_leaf_nodes=settings["leaves"],
            min_samples_leaf=settings["minRowsPerLeaf"],
            l2_regularization=1.0,
            max_bins=255,
            early_stopping=False,
        ).fit(x, y)

    def score(model, rows):
        return model.predict_proba(rows)[:, 1]

else:
    sys.exit(f"unknown engine {engine}")

cpu, wall = time.process_time(), time.perf_counter()
model = fit()
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall

test_x, test_y, group = load("test", shape["testRows"])
scores = score(model, test_x)
areas = [roc_auc_score(test_y[group == g], scores[group == g]) for g in shape["groups"]]
print(json.dumps({"cpuS": cpu, "wallS": wall, "auc": float(np.mean(areas))}))
