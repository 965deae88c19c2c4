"""Will this flight arrive more than 15 minutes late? An ordinary training script: pandas, scikit-learn and MLflow.

It trains on rows that a feature service made (`--rows`), or, without them, on the timetable columns of the raw flights; logs
parameters, metrics and an ONNX model to the tracking server at MLFLOW_TRACKING_URI; and registers the model.
"""

import argparse
from pathlib import Path

import mlflow
import numpy
import pandas
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx import to_onnx

flights_folder = Path(__file__).resolve().parent.parent / "flights" / "data" / "flights"
# Columns of a training set that are not features.
bookkeeping = {"row_id", "at", "label", "label_known_at"}
day_ms = 86_400_000


def feature_rows(path):
    """Rows as a feature service made them: every number that is not bookkeeping is a feature."""
    frame = pandas.read_parquet(path)
    frame = frame[frame["label"].notna()]
    names = [c for c in frame.columns if c not in bookkeeping and pandas.api.types.is_numeric_dtype(frame[c])]
    return frame[names], frame["label"].astype(int), frame["at"].astype("int64")


def timetable_rows(months):
    """Rows from the raw flights: what the timetable says, named as the feature service names it."""
    files = sorted(flights_folder.glob("*.parquet"))[:months]
    flights = pandas.concat([pandas.read_parquet(f) for f in files], ignore_index=True)
    flights = flights[flights["arr_delay"].notna()]
    features = pandas.DataFrame(
        {
            "dep_minute": flights["sched_dep_time"] // 100 * 60 + flights["sched_dep_time"] % 100,
            "dow": pandas.to_datetime(flights[["year", "month", "day"]]).dt.dayofweek + 1,
            "distance": flights["distance"],
            "sched_block": flights["sched_block"],
        }
    )
    at = flights["sched_dep_utc"].astype("datetime64[ms]").astype("int64")
    return features, (flights["arr_delay"] > 15).astype(int), at


def build(kind, seed):
    if kind == "logistic":
        return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=500))
    trees = GradientBoostingClassifier(
        n_estimators=120, max_depth=5, learning_rate=0.1, subsample=0.4, max_features="sqrt", random_state=seed
    )
    return make_pipeline(SimpleImputer(strategy="median"), trees)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", help="a training set in Parquet, made by a feature service")
    options.add_argument("--months", type=int, default=3, help="months of raw flights, when no rows are given")
    options.add_argument("--kind", choices=["trees", "logistic"], default="trees")
    options.add_argument("--holdout-days", type=int, default=14)
    options.add_argument("--name", default="flight-delay-python", help="the registered model")
    options.add_argument("--seed", type=int, default=7)
    args = options.parse_args()

    features, label, at = feature_rows(args.rows) if args.rows else timetable_rows(args.months)
    # The inputs of the ONNX file are 32 bits wide, so the model learns from such numbers too.
    features = features.astype(numpy.float32)
    cut = at.max() - args.holdout_days * day_ms
    train, test = at <= cut, at > cut

    mlflow.set_experiment("flights-python")
    with mlflow.start_run(run_name=f"{args.kind}-{'features' if args.rows else 'timetable'}") as run:
        mlflow.log_params({"kind": args.kind, "seed": args.seed, "holdout_days": args.holdout_days, "features": len(features.columns)})
        mlflow.log_params({"rows_train": int(train.sum()), "rows_test": int(test.sum())})
        model = build(args.kind, args.seed).fit(features[train].to_numpy(), label[train])
        score = model.predict_proba(features[test].to_numpy())[:, 1]
        metrics = {
            "auc": roc_auc_score(label[test], score),
            "log_loss": log_loss(label[test], score),
            "brier": brier_score_loss(label[test], score),
            "late_share": label[test].mean(),
        }
        mlflow.log_metrics(metrics)
        # Without the ZipMap the probabilities are a tensor, which every runtime can read.
        onnx_model = to_onnx(model, features[:1].to_numpy(), options={"zipmap": False})
        info = mlflow.onnx.log_model(
            onnx_model,
            name="model",
            signature=infer_signature(features[:5], score[:5].astype(numpy.float32)),
            registered_model_name=args.name,
        )
    figures = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    print(f"run {run.info.run_id}: {figures}")
    print(f"registered {args.name} version {info.registered_model_version}")


if __name__ == "__main__":
    main()
