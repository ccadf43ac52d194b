"""Evidently: missing values and drift of every column, ROC AUC, accuracy and log loss, from two Parquet files to JSON.

With `presets` through its presets (summary, drift, classification), as its documentation begins; else by single metrics, which is
the least that answers the question.
"""

import json
import sys
import time

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.metrics import Accuracy, LogLoss, MissingValueCount, RocAuc, ValueDrift
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

reference, current, *presets = sys.argv[1:]
since = time.perf_counter()
numerical = ["hour", "weekday", "distance", "prediction"]
categorical = ["origin", "destination", "late"]
definition = DataDefinition(
    numerical_columns=numerical,
    categorical_columns=categorical,
    classification=[BinaryClassification(target="late", prediction_probas="prediction", pos_label=1)],
)
sides = [Dataset.from_pandas(pd.read_parquet(path), definition) for path in (current, reference)]
columns = numerical + categorical
metrics = [MissingValueCount(column=name) for name in columns] + [ValueDrift(column=name) for name in columns]
if presets:
    report = Report([DataSummaryPreset(), DataDriftPreset(), ClassificationPreset()])
else:
    report = Report([*metrics, RocAuc(), Accuracy(), LogLoss()])
text = report.run(*sides).json()
seconds = time.perf_counter() - since
found = {one["metric_name"].split("(")[0]: one["value"] for one in json.loads(text)["metrics"]}
print(json.dumps({"seconds": seconds, "auc": found["RocAuc"], "accuracy": found["Accuracy"], "logLoss": found["LogLoss"]}))
