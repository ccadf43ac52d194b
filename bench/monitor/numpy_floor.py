"""What a careful person writes by hand with PyArrow and NumPy: schema, nulls, PSI and KS of numbers, PSI of categories, AUC, accuracy, log loss."""

import json
import sys
import time

import numpy as np
import pyarrow.parquet as pq

reference_path, current_path = sys.argv[1:]
since = time.perf_counter()


def psi(p, q):
    p, q = np.maximum(p / p.sum(), 1e-4), np.maximum(q / q.sum(), 1e-4)
    return float(np.sum((q - p) * np.log(q / p)))


def counts_of(column):
    counted = column.value_counts()
    return dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist()))


def categories(a, b):
    a, b = counts_of(a), counts_of(b)
    keys = list(a.keys() | b.keys())
    return {"psi": psi(*(np.array([side.get(key, 0) for key in keys], float) for side in (a, b)))}


def numbers(a, b):
    a, b = np.sort(a.to_numpy()), np.sort(b.to_numpy())
    edges = np.unique(a[(len(a) * np.arange(1, 10)) // 10])
    bins = [np.diff(np.concatenate(([0], np.searchsorted(side, edges), [len(side)]))).astype(float) for side in (a, b)]
    every = np.concatenate((a, b))
    above = np.searchsorted(a, every, "right") / len(a) - np.searchsorted(b, every, "right") / len(b)
    return {"psi": psi(*bins), "ks": float(np.abs(above).max())}


def performance(table):
    score, label = table["prediction"].to_numpy().astype(float), table["late"].to_numpy()
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.concatenate((starts, [len(ordered)])))
    ranks = np.repeat(starts + (sizes + 1) / 2, sizes)
    positives = int(label.sum())
    negatives = len(label) - positives
    auc = (ranks[label[order] == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    clipped = np.clip(score, 1e-7, 1 - 1e-7)
    loss = -np.mean(np.where(label == 1, np.log(clipped), np.log1p(-clipped)))
    return {"auc": float(auc), "accuracy": float(np.mean((score >= 0.5) == label)), "logLoss": float(loss)}


reference, current = pq.read_table(reference_path), pq.read_table(current_path)
report = {
    "schema": [[str(field) for field in table.schema] for table in (reference, current)],
    "nulls": {name: [table[name].null_count for table in (reference, current)] for name in reference.column_names},
    "columns": {
        name: (categories if name in ("origin", "destination") else numbers)(reference[name], current[name])
        for name in reference.column_names
    },
    "performance": [performance(table) for table in (reference, current)],
}
text = json.dumps(report)
seconds = time.perf_counter() - since
print(json.dumps({"seconds": seconds, **report["performance"][1]}))
