"""In how many windows of each sample Evidently, with its defaults, calls any column drifted: prints a list.

argv: a Parquet file, and JSON [{reference: [row, ...], windows: [[row, ...], ...]}, ...] with rows of that file.
"""

import json
import os
import sys
import warnings

os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

table_file, rows_file = sys.argv[1:]
table = pd.read_parquet(table_file)
with open(rows_file) as file:
    rows = json.load(file)
definition = DataDefinition(
    numerical_columns=["hour", "weekday", "distance", "prediction"],
    categorical_columns=["origin", "destination", "late"],
)


def dataset(numbers):
    return Dataset.from_pandas(table.iloc[numbers].reset_index(drop=True), definition)


def drifted_windows(sample):
    reference = dataset(sample["reference"])
    drifted = 0
    for window in sample["windows"]:
        metrics = json.loads(Report([DataDriftPreset()]).run(dataset(window), reference).json())["metrics"]
        columns = next(one["value"]["count"] for one in metrics if one["metric_name"].startswith("DriftedColumnsCount"))
        drifted += columns > 0
    return drifted


print(json.dumps([drifted_windows(sample) for sample in rows]))
