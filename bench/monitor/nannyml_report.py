"""NannyML: missing values and drift of every column, ROC AUC and accuracy, and with `estimate` its CBPE, from two Parquet files to JSON."""

import json
import sys
import time
import warnings

import nannyml as nml
import pandas as pd

warnings.filterwarnings("ignore")
reference_path, current_path, *estimate = sys.argv[1:]
since = time.perf_counter()
continuous = ["hour", "weekday", "distance", "prediction"]
categorical = ["origin", "destination", "late"]
reference, current = pd.read_parquet(reference_path), pd.read_parquet(current_path)
for frame in (reference, current):
    frame["predicted"] = (frame["prediction"] >= 0.5).astype(int)
    for name in ("origin", "destination"):
        frame[name] = frame[name].astype("category")
names = continuous + categorical
roles = {"y_true": "late", "y_pred": "predicted", "y_pred_proba": "prediction", "problem_type": "classification_binary"}
steps = [
    nml.MissingValuesCalculator(column_names=names, chunk_number=1),
    nml.UnivariateDriftCalculator(
        column_names=names,
        treat_as_categorical=categorical,
        continuous_methods=["jensen_shannon", "kolmogorov_smirnov", "wasserstein"],
        categorical_methods=["jensen_shannon"],
        chunk_number=1,
    ),
    nml.PerformanceCalculator(metrics=["roc_auc", "accuracy"], chunk_number=1, **roles),
]
if estimate:
    steps.append(nml.CBPE(metrics=["roc_auc", "accuracy"], chunk_number=1, **roles))
frames = []
for step in steps:
    step.fit(reference)
    frames.append((step.estimate if isinstance(step, nml.CBPE) else step.calculate)(current).filter(period="analysis").to_df())
text = json.dumps([frame.to_json() for frame in frames])
seconds = time.perf_counter() - since
performance = frames[2]
print(json.dumps({
    "seconds": seconds,
    "auc": float(performance[("roc_auc", "value")].iloc[0]),
    "accuracy": float(performance[("accuracy", "value")].iloc[0]),
}))
