"""Runs the cases of a script and reports each on a line of its own: `PASS name`, or `FAIL name` and the traceback as JSON."""

import json
import os
import sys
import traceback
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# A server that answers 5xx must fail a case at once, not after minutes of repeats.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def main(cases):
    wanted = sys.argv[1:]
    for case in cases:
        name = case.__name__
        if wanted and name not in wanted:
            continue
        try:
            case()
            print(f"PASS {name}", flush=True)
        except BaseException:
            print(f"FAIL {name} {json.dumps(traceback.format_exc())}", flush=True)


def raises(code, call):
    """The error of a call, which must carry this error code."""
    from mlflow.exceptions import MlflowException

    try:
        call()
    except MlflowException as error:
        assert error.error_code == code, f"{error.error_code} instead of {code}: {error.message}"
        return error.message
    raise AssertionError(f"nothing was refused; expected {code}")
