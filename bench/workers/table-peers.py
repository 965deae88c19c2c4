"""LightGBM or scikit-learn on one public table, all splits; prints what table-slipway.ts prints."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

warnings.filterwarnings("ignore")
engine, path = sys.argv[1], sys.argv[2]
with open(path, encoding="utf-8") as file:
    table = json.load(file)

frame = pd.DataFrame(
    {
        f"c{i}": pd.Series(c["values"], dtype="float64")
        if c["kind"] == "number"
        else pd.Series(pd.Categorical(c["values"]))
        for i, c in enumerate(table["columns"])
    }
)
is_classes = table["task"] == "classes"
classes, target = (
    np.unique(np.array(table["target"]), return_inverse=True) if is_classes else (None, np.array(table["target"]))
)
SETTINGS = {"learning_rate": 0.1, "rounds": 100, "leaves": 31, "rows": 20, "l2": 1.0, "bins": 255}


def fit_lightgbm(x, y):
    import lightgbm

    objective = "regression" if not is_classes else "binary" if len(classes) == 2 else "multiclass"
    parameters = {
        "objective": objective,
        "learning_rate": SETTINGS["learning_rate"],
        "num_leaves": SETTINGS["leaves"],
        "min_data_in_leaf": SETTINGS["rows"],
        "lambda_l2": SETTINGS["l2"],
        "max_bin": SETTINGS["bins"],
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    if objective == "multiclass":
        parameters["num_class"] = len(classes)
    model = lightgbm.train(parameters, lightgbm.Dataset(x, y, params=parameters), SETTINGS["rounds"])

    def predict(rows):
        answer = model.predict(rows, num_threads=1)
        return np.column_stack([1 - answer, answer]) if objective == "binary" else answer

    return predict


def fit_sklearn(x, y):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if is_classes else HistGradientBoostingRegressor
    # Its bins hold at most 255 categories: the rest stay numbers of their order.
    x = x.copy()
    for column in x.columns:
        if isinstance(x[column].dtype, pd.CategoricalDtype) and len(x[column].cat.categories) > 254:
            x[column] = x[column].cat.codes.astype("float64").where(x[column].notna())
    model = kind(
        learning_rate=SETTINGS["learning_rate"],
        max_iter=SETTINGS["rounds"],
        max_leaf_nodes=SETTINGS["leaves"],
        min_samples_leaf=SETTINGS["rows"],
        l2_regularization=SETTINGS["l2"],
        max_bins=255,
        early_stopping=False,
        categorical_features="from_dtype",
    ).fit(x, y)

    def predict(rows):
        rows = rows.copy()
        for column in rows.columns:
            if x[column].dtype != rows[column].dtype:
                rows[column] = rows[column].cat.codes.astype("float64").where(rows[column].notna())
        return model.predict_proba(rows) if is_classes else model.predict(rows)

    return predict


fit = {"lightgbm": fit_lightgbm, "sklearn": fit_sklearn}[engine]
cpu_ms, wall_ms, losses, others = [], [], [], []
for test in table["splits"]:
    held = np.zeros(len(frame), dtype=bool)
    held[test] = True
    x, y = frame[~held], target[~held]
    cpu, wall = time.process_time(), time.perf_counter()
    predict = fit(x, y)
    cpu_ms.append((time.process_time() - cpu) * 1000)
    wall_ms.append((time.perf_counter() - wall) * 1000)
    answer, truth = predict(frame[held]), target[held]
    if not is_classes:
        losses.append(float(np.sqrt(np.mean((answer - truth) ** 2))))
        others.append(0.0)
        continue
    losses.append(float(log_loss(truth, answer, labels=range(len(classes)))))
    area = roc_auc_score(truth, answer[:, 1]) if len(classes) == 2 else accuracy_score(truth, answer.argmax(axis=1))
    others.append(float(area))
print(json.dumps({"cpuMs": cpu_ms, "wallMs": wall_ms, "loss": losses, "rank": others}))
