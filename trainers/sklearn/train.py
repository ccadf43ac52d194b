#!/usr/bin/env python3
"""Trains a scikit-learn model on Parquet files and writes it as ONNX with all encoding inside the graph.

A ready trainer under Seawall's trainer contract; `../contract` says what it reads, writes, prints and exits with.
It needs nothing else of Seawall and runs by hand as well:

    SEAWALL_DATA_DIR=data SEAWALL_MODEL_DIR=model SEAWALL_CHECKPOINT_DIR=checkpoints SEAWALL_DEVICE=cpu \\
    SEAWALL_PARAMS='{"params": {"model": "linear"}, "features": [{"name": "hour", "type": "int64"}],
                     "label": {"column": "late"}, "task": "binary", "seed": 7}' python train.py

The parameter `model` chooses among those that skl2onnx converts:

    linear    logistic regression; for numbers ridge regression. One step, no checkpoints
    forest    random forest; a step is a tree
    boosting  gradient boosting; a step is a tree (with several classes, one per class)

(HistGradientBoosting has no converter. For much data take the trainer xgboost or lightgbm: these estimators take hours.)
Numbers: a null becomes the median, then mean 0 and standard deviation 1. Strings: one column per category (one-hot), for the
`categories` most frequent ones of each feature; any other category is a row of zeros.
"""

import pickle
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contract import (  # noqa: E402
    ONNX_ML_OPSET,
    ONNX_OPSET,
    Checkpoints,
    Choice,
    Range,
    as_float,
    categories_of,
    check_parity,
    finish_graph,
    job_digest,
    labels_said,
    log,
    loss_of,
    main,
    metrics_of,
    numbers_of,
    read_labels,
    read_table,
    require_cpu,
    sample_for_parity,
    save_results,
    say,
)

PARAMS = {
    "model": Choice(("linear", "forest", "boosting")),
    "l2": Range(1.0, 0.0, 1e9, above_low=True),
    "iterations": Range(300, 1, 100_000),
    "trees": Range(100, 1, 10_000),
    "depth": Range(6, 1, 32),
    "minLeafRows": Range(20, 1, 1_000_000),
    "learningRate": Range(0.1, 0.0, 1.0, above_low=True),
    "categories": Range(100, 1, 10_000),
    "threads": Range(2, 1, 1024),
    "checkpointEvery": Range(20, 1, 10_000),
}
# Trees between two looks at SIGTERM, two lines of progress, two chances of a checkpoint.
STRIDE = 5


# ── Data ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def learn_encodings(table, job):
    """Per feature {"median", "mean", "deviation"} or {"categories"}."""
    import numpy as np

    encodings = {}
    for feature in job.features:
        if feature.type == "string":
            found, rows = categories_of(table[feature.name])
            counts = np.bincount(rows, minlength=len(found))
            frequent = sorted(range(len(found)), key=lambda i: (-counts[i], i))[: job.params["categories"]]
            encodings[feature.name] = {"categories": [found[i] for i in sorted(frequent)]}
            continue
        numbers = numbers_of(table, feature)
        known = numbers[~np.isnan(numbers)]
        median = np.float32(np.median(known)) if len(known) else np.float32(0)
        filled = np.where(np.isnan(numbers), median, numbers).astype(np.float64)
        deviation = filled.std()
        # What never varies tells nothing, and must not divide by zero.
        scale = np.float32(deviation if deviation > 0 else 1)
        encodings[feature.name] = {"median": median, "mean": np.float32(filled.mean()), "deviation": scale}
    return encodings


def encode(table, job, encodings):
    """The sparse matrix [N, columns], float32, as the graph computes it before the estimator."""
    import numpy as np
    from scipy import sparse

    parts = []
    for feature in job.features:
        how = encodings[feature.name]
        if feature.type != "string":
            numbers = numbers_of(table, feature)
            filled = np.where(np.isnan(numbers), how["median"], numbers)
            scaled = (filled - how["mean"]) * (np.float32(1) / how["deviation"])
            parts.append(sparse.csr_array(scaled.astype(np.float32).reshape(-1, 1)))
            continue
        places = {category: place for place, category in enumerate(how["categories"])}
        found, rows = categories_of(table[feature.name])
        columns = np.array([places.get(category, -1) for category in found])[rows]
        known = np.flatnonzero(columns >= 0)
        ones = np.ones(len(known), dtype=np.float32)
        shape = (table.num_rows, len(places))
        parts.append(sparse.csr_array((ones, (known, columns[known])), shape=shape))
    matrix = sparse.csr_matrix(sparse.hstack(parts, format="csr"))
    # The trees take no wider indices.
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return matrix


# ── Training ────────────────────────────────────────────────────────────────────────────────────────────────────────


def new_estimator(job):
    from sklearn import ensemble, linear_model

    p, numbers = job.params, job.task == "regression"
    if p["model"] == "linear":
        if numbers:
            return linear_model.Ridge(alpha=p["l2"], max_iter=p["iterations"], solver="sparse_cg", tol=1e-8, random_state=job.seed)
        return linear_model.LogisticRegression(C=1 / p["l2"], max_iter=p["iterations"], random_state=job.seed)
    trees = {"max_depth": p["depth"], "min_samples_leaf": p["minLeafRows"], "random_state": job.seed, "warm_start": True}
    if p["model"] == "forest":
        kind = ensemble.RandomForestRegressor if numbers else ensemble.RandomForestClassifier
        return kind(n_estimators=1, n_jobs=p["threads"], **trees)
    kind = ensemble.GradientBoostingRegressor if numbers else ensemble.GradientBoostingClassifier
    return kind(n_estimators=1, learning_rate=p["learningRate"], **trees)


def train(job, matrix, labels, checkpoints, stop):
    """The estimator, the training loss, and the number of trees that came from a checkpoint."""
    if job.params["model"] == "linear":
        return train_linear(job, matrix, labels)
    resumed, content = checkpoints.newest()
    estimator = pickle.loads(content) if content else new_estimator(job)
    if resumed:
        log(f"going on from the checkpoint at tree {resumed}")
    total = job.params["trees"]
    done, saved, every = resumed, resumed, job.params["checkpointEvery"]
    while done < total:
        # Several at a time: threads share them out, and boosting begins each time by asking all trees so far.
        done = min(total, done - done % STRIDE + STRIDE)
        estimator.set_params(n_estimators=done).fit(matrix, labels)
        if stop.requested or done - saved >= every or done == total:
            text, saved = checkpoints.save(done, pickle.dumps(estimator)), done
            stop.check(text)
        say(progress=done / total, step=done, loss=loss_of(job, labels, answers(job, estimator, matrix)))
    return estimator, loss_of(job, labels, answers(job, estimator, matrix)), resumed


def train_linear(job, matrix, labels):
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator = new_estimator(job).fit(matrix, labels)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in seen):
        log(f"not at its best after {job.params['iterations']} iterations; raise the parameter iterations")
    loss = loss_of(job, labels, answers(job, estimator, matrix))
    say(progress=1.0, step=1, loss=loss)
    return estimator, loss, 0


def answers(job, estimator, matrix):
    """P(1), probabilities of all classes, or numbers."""
    import numpy as np

    is_forest = job.params["model"] == "forest"
    if is_forest:
        # Several threads add up their trees in any order, and the last digits would differ from time to time.
        estimator.n_jobs = 1
    if job.task == "regression":
        found = estimator.predict(matrix)
    else:
        found = estimator.predict_proba(matrix)
    if is_forest:
        estimator.n_jobs = job.params["threads"]
    if job.task == "binary":
        return found[:, 1]
    if job.task == "multiclass":
        # A class without rows is unknown to the estimator; its probability is 0.
        whole = np.zeros((len(found), len(job.classes)))
        whole[:, estimator.classes_.astype(int)] = found
        return whole
    return found


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_onnx(job, encodings, estimator):
    """Bytes: feature inputs -> encoding -> Concat [N, columns] -> the estimator -> the outputs of the task."""
    from onnx import helper

    nodes, parts, width = [], [], 0
    for index, feature in enumerate(job.features):
        how = encodings[feature.name]
        parts.append(f"encoded/{index}")
        if feature.type == "string":
            nodes += one_hot(feature.name, index, how["categories"])
            width += len(how["categories"])
        else:
            nodes += scaled(as_float(feature, f"number/{index}", nodes), index, how)
            width += 1
    nodes.append(helper.make_node("Concat", parts, ["encoded"], axis=1))
    converted = convert(job, estimator, width)
    nodes.extend(converted.graph.node)
    constants = list(converted.graph.initializer)
    last, own, final = all_classes(job, estimator, converted.graph.output[-1].name)
    return finish_graph(job, nodes + last, constants + own, final, "seawall-sklearn")


def one_hot(name, index, categories):
    from onnx import TensorProto, helper

    ml = {"domain": "ai.onnx.ml"}
    cube, axis = f"cube/{index}", f"axis/{index}"
    return [
        helper.make_node("OneHotEncoder", [name], [cube], cats_strings=categories, zeros=1, **ml),
        helper.make_node("Constant", [], [axis], value=helper.make_tensor(axis, TensorProto.INT64, [1], [1])),
        helper.make_node("Squeeze", [cube, axis], [f"encoded/{index}"]),
    ]


def scaled(source, index, how):
    from onnx import helper

    ml = {"domain": "ai.onnx.ml"}
    median, mean, deviation = (float(how[key]) for key in ("median", "mean", "deviation"))
    filled = f"filled/{index}"
    return [
        helper.make_node("Imputer", [source], [filled], imputed_value_floats=[median], replaced_value_float=float("nan"), **ml),
        helper.make_node("Scaler", [filled], [f"encoded/{index}"], offset=[mean], scale=[1 / deviation], **ml),
    ]


def convert(job, estimator, width):
    """The estimator alone as ONNX, from an input `encoded`; its last output is [N, classes] or [N, 1]."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    options = None if job.task == "regression" else {id(estimator): {"zipmap": False}}
    opsets = {"": ONNX_OPSET, "ai.onnx.ml": ONNX_ML_OPSET}
    types = [("encoded", FloatTensorType([None, width]))]
    return convert_sklearn(estimator, "estimator", types, target_opset=opsets, options=options)


def all_classes(job, estimator, output):
    """Columns for the classes that had no rows."""
    from onnx import TensorProto, helper

    if job.task != "multiclass" or len(estimator.classes_) == len(job.classes):
        return [], [], output
    present = [int(label) for label in estimator.classes_]
    matrix = [0.0] * (len(present) * len(job.classes))
    for row, column in enumerate(present):
        matrix[row * len(job.classes) + column] = 1.0
    places = helper.make_tensor("places", TensorProto.FLOAT, [len(present), len(job.classes)], matrix)
    return [helper.make_node("MatMul", [output, "places"], ["all_classes"])], [places], "all_classes"


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────


def run(job, stop):
    require_cpu(job, "scikit-learn")
    import sklearn

    table = read_table(job)
    stop.check()
    labels = read_labels(table, job)
    encodings = learn_encodings(table, job)
    matrix = encode(table, job, encodings)
    sample = sample_for_parity(table, job)
    log(f"{table.num_rows} rows, {labels_said(job, labels)}, {len(job.features)} features, {matrix.shape[1]} columns, {job.device}")
    stop.check()
    digest = job_digest(job, sklearn.__version__, [matrix.data, matrix.indices, matrix.indptr, labels])
    checkpoints = Checkpoints(job.checkpoint_dir, digest, ".pickle")
    estimator, loss, resumed = train(job, matrix, labels, checkpoints, stop)
    model_bytes = to_onnx(job, encodings, estimator)
    predicted = answers(job, estimator, encode(sample, job, encodings))
    parity = check_parity(job, sample, predicted, model_bytes, "scikit-learn")
    stop.check("all of it is saved")
    counts = {} if job.params["model"] == "linear" else {"trees": job.params["trees"], "treesFromCheckpoint": resumed}
    save_results(job.model_dir, model_bytes, metrics_of(job, table, labels, parity, loss, **counts), parity[1])


if __name__ == "__main__":
    main(run, PARAMS)
