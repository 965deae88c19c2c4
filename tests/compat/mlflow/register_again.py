"""Registers a version of one model as a version of another: `register_again.py SOURCE TARGET`; says whether it may be champion."""

import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

source, target = sys.argv[1:]
version = mlflow.register_model(source, target).version
try:
    MlflowClient().set_registered_model_alias(target, "champion", version)
    print(f"{version} champion")
except MlflowException as error:
    print(f"{version} {error.error_code}")
