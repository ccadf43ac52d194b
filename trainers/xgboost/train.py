#!/usr/bin/env python3
"""Trains an XGBoost model on Parquet files and writes it as ONNX with all encoding inside the graph.

A ready trainer under Seawall's trainer contract; `../contract` says what it reads, writes, prints and exits with.
It needs nothing else of Seawall and runs by hand as well:

    SEAWALL_DATA_DIR=data SEAWALL_MODEL_DIR=model SEAWALL_CHECKPOINT_DIR=checkpoints SEAWALL_DEVICE=cpu \\
    SEAWALL_PARAMS='{"params": {"trees": 200}, "features": [{"name": "hour", "type": "int64"}],
                     "label": {"column": "late"}, "task": "binary", "seed": 7}' python train.py

Strings become numbers by smoothed target encoding (Micci-Barreca, SIGKDD Explorations 3(1), 2001): with n rows of a
category, s the sum of their labels, and the overall mean p, the number is (s + smoothing * p) / (n + smoothing); a category
that training never saw becomes p. With several classes there is one such number per class, from labels "is it or not".
A step is a tree (with several classes, one per class).
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contract import (  # noqa: E402
    ONNX_OPSET,
    Checkpoints,
    Range,
    as_float,
    bad_parameters,
    categories_of,
    check_parity,
    finish_graph,
    job_digest,
    labels_said,
    log,
    main,
    metrics_of,
    native_settings,
    numbers_of,
    read_labels,
    read_table,
    sample_for_parity,
    save_results,
    say,
)

OBJECTIVES = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
    "regression": ("reg:squarederror", "rmse"),
}

# No sampling of rows or columns: XGBoost does not save its samplers' state, so a resumed model would be another one.
PARAMS = {
    "trees": Range(200, 1, 100_000),
    "depth": Range(6, 1, 16, "max_depth"),
    "learningRate": Range(0.1, 0.0, 1.0, "eta", above_low=True),
    "minChildWeight": Range(1.0, 0.0, 1e9, "min_child_weight"),
    "minSplitLoss": Range(0.0, 0.0, 1e9, "gamma"),
    "l1": Range(0.0, 0.0, 1e9, "alpha"),
    "l2": Range(1.0, 0.0, 1e9, "lambda"),
    "bins": Range(256, 2, 65_535, "max_bin"),
    "threads": Range(2, 1, 1024, "nthread"),
    "smoothing": Range(20.0, 0.0, 1e9),
    "checkpointEvery": Range(20, 1, 100_000),
    "progressEvery": Range(10, 1, 100_000),
}


# ── Data ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def targets_of(labels, job):
    """What strings are encoded by: the labels, or per class whether it is the label."""
    if job.task != "multiclass":
        return [labels]
    return [(labels == index).astype("float32") for index in range(len(job.classes))]


def learn_encodings(table, job, labels):
    """Per string feature and target {"categories": sorted list, "values": float32 per category, "default": for unseen ones}."""
    import numpy as np

    smoothing = job.params["smoothing"]
    encodings = {}
    for feature in job.features:
        if feature.type != "string":
            continue
        categories, codes = categories_of(table[feature.name])
        rows = np.bincount(codes, minlength=len(categories))
        encodings[feature.name] = []
        for target in targets_of(labels, job):
            prior = float(target.mean(dtype=np.float64))
            sums = np.bincount(codes, weights=target, minlength=len(categories))
            values = ((sums + smoothing * prior) / (rows + smoothing)).astype(np.float32)
            encodings[feature.name].append({"categories": categories, "values": values, "default": np.float32(prior)})
    return encodings


def encode(table, job, encodings):
    """The matrix [N, F] that the trees see; it must equal what the ONNX graph computes before its trees."""
    import numpy as np

    columns = []
    for feature in job.features:
        if feature.type == "string":
            categories, codes = categories_of(table[feature.name])
            for encoding in encodings[feature.name]:
                known = dict(zip(encoding["categories"], encoding["values"]))
                values = [known.get(category, encoding["default"]) for category in categories]
                columns.append(np.array(values, dtype=np.float32)[codes])
            continue
        columns.append(numbers_of(table, feature))
    return np.stack(columns, axis=1)


# ── Training ────────────────────────────────────────────────────────────────────────────────────────────────────────


def train(job, matrix, labels, checkpoints, stop):
    """The trained booster, the training loss, and the number of trees that came from a checkpoint."""
    import xgboost

    data = xgboost.DMatrix(matrix, label=labels, nthread=job.params["threads"])
    settings = xgboost_settings(job)
    resumed, content = checkpoints.newest()
    booster = xgboost.Booster(settings, cache=[data], model_file=bytearray(content) if content else None)
    if resumed:
        log(f"going on from the checkpoint at tree {resumed}")
    total = job.params["trees"]
    for done in range(resumed + 1, total + 1):
        booster.update(data, done - 1)
        if done == resumed + 1:
            require_device(booster, job.device)
        if stop.requested:
            stop.check(checkpoints.save(done, content_of(booster)))
        if done % job.params["checkpointEvery"] == 0 or done == total:
            checkpoints.save(done, content_of(booster))
        if done % job.params["progressEvery"] == 0 or done == total:
            say(progress=done / total, step=done, loss=training_loss(booster, data))
    return booster, training_loss(booster, data), resumed


def content_of(booster):
    return bytes(booster.save_raw("ubj"))


def xgboost_settings(job):
    settings = native_settings(job, PARAMS)
    objective, metric = OBJECTIVES[job.task]
    if job.task == "multiclass":
        settings["num_class"] = len(job.classes)
    return settings | {
        "objective": objective,
        "eval_metric": metric,
        "tree_method": "hist",
        "device": job.device,
        "seed": job.seed,
    }


def require_cuda_build(device):
    if device == "cpu":
        return
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        raise bad_parameters(
            f"SEAWALL_DEVICE is {device}, but the installed XGBoost {xgboost.__version__} is built for the CPU only; "
            "install the package xgboost in the place of xgboost-cpu, or allow the device cpu"
        )


def require_device(booster, device):
    """XGBoost falls back to the CPU with no more than a warning; here that is an error."""
    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if used.partition(":")[0] != device.partition(":")[0]:
        raise bad_parameters(f"SEAWALL_DEVICE is {device}, but XGBoost found no such device and would use {used}")


def training_loss(booster, data):
    return float(booster.eval(data).rpartition(":")[2])


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_onnx(job, encodings, booster):
    """Bytes: feature inputs -> encoding -> Concat [N, F] -> trees -> the outputs of the task."""
    from onnx import helper

    nodes, encoded = [], []
    for index, feature in enumerate(job.features):
        output = f"encoded/{index}"
        if feature.type != "string":
            encoded.append(as_float(feature, output, nodes))
            continue
        for target, encoding in enumerate(encodings[feature.name]):
            encoded.append(output if len(encodings[feature.name]) == 1 else f"{output}/{target}")
            nodes.append(label_encoder(feature.name, encoded[-1], encoding))
    nodes.append(helper.make_node("Concat", encoded, ["encoded"], axis=1))
    trees = convert_trees(job, booster, len(encoded))
    nodes.extend(trees.graph.node)
    constants = list(trees.graph.initializer)
    return finish_graph(job, nodes, constants, trees.graph.output[-1].name, "seawall-xgboost")


def label_encoder(name, output, encoding):
    from onnx import helper

    return helper.make_node(
        "LabelEncoder",
        [name],
        [output],
        domain="ai.onnx.ml",
        keys_strings=encoding["categories"],
        values_floats=encoding["values"].tolist(),
        default_float=float(encoding["default"]),
    )


def convert_trees(job, booster, width):
    """The booster alone as ONNX, from an input `encoded` [N, width]; its last output is [N, classes] or [N, 1]."""
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from onnxmltools.convert.xgboost.convert import convert

    # Wrapped in its class of estimator because the converter can only guess what a bare Booster is for.
    estimator = xgboost.XGBRegressor() if job.task == "regression" else xgboost.XGBClassifier()
    estimator.load_model(bytearray(booster.save_raw("ubj")))
    return convert(
        estimator,
        name="trees",
        initial_types=[("encoded", FloatTensorType([None, width]))],
        target_opset=ONNX_OPSET,
    )


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────


def run(job, stop):
    require_cuda_build(job.device)
    import xgboost

    table = read_table(job)
    stop.check()
    labels = read_labels(table, job)
    encodings = learn_encodings(table, job, labels)
    matrix = encode(table, job, encodings)
    sample = sample_for_parity(table, job)
    of_labels = json.dumps(labels_said(job, labels))
    log(f"{table.num_rows} rows, {of_labels}, {len(job.features)} features, {job.device}")
    stop.check()
    digest = job_digest(job, xgboost.__version__, [matrix, labels])
    checkpoints = Checkpoints(job.checkpoint_dir, digest, ".ubj")
    booster, loss, resumed = train(job, matrix, labels, checkpoints, stop)
    model_bytes = to_onnx(job, encodings, booster)
    predicted = booster.predict(xgboost.DMatrix(encode(sample, job, encodings)))
    parity = check_parity(job, sample, predicted, model_bytes, "XGBoost")
    stop.check("all trees are saved")
    counts = {"trees": job.params["trees"], "treesFromCheckpoint": resumed}
    save_results(job.model_dir, model_bytes, metrics_of(job, table, labels, parity, loss, **counts), parity[1])


if __name__ == "__main__":
    main(run, PARAMS)
