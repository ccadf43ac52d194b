"""What a trainer leaves: a model that was compared with the library that learnt it, its own answers, its numbers."""

import json

from .checkpoints import write_atomically
from .data import labels_said
from .ending import bad_data, log

PARITY_ROWS = 2000
PARITY_TOLERANCE = 1e-5


def sample_for_parity(table, job):
    """Rows, chosen by the seed, that can be fed to the model: its int64 inputs cannot carry nulls."""
    import numpy as np

    usable = np.ones(table.num_rows, dtype=bool)
    for feature in job.features:
        if feature.type == "int64":
            usable &= table[feature.name].is_valid().to_numpy()
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        raise bad_data("every row has a null in an int64 feature; declare a feature with nulls as float32")
    chosen = np.random.default_rng(job.seed).choice(rows, min(PARITY_ROWS, len(rows)), replace=False)
    return table.take(np.sort(chosen))


def check_parity(job, sample, predicted, model_bytes, library):
    """Largest difference between the library's answers and the ONNX model's, and a table of the rows with the former.

    `predicted`: what the library says of the sample: P(1) [N], probabilities [N, classes], or numbers [N].
    """
    import numpy as np
    import onnxruntime
    import pyarrow as pa

    own = answers_of(job, predicted)
    feeds = {}
    for feature in job.features:
        column = sample[feature.name]
        values = np.array(column.to_pylist(), dtype=object) if feature.type == "string" else column.to_numpy()
        feeds[feature.name] = values.reshape(-1, 1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.params["threads"]
    session = onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
    compared = job.scores or ["prediction"]
    served = dict(zip(compared, session.run(compared, feeds)))
    # A number's tolerance grows with it: float32 has seven digits.
    scale = max(1.0, float(np.abs(own["prediction"]).max())) if job.task == "regression" else 1.0
    difference = max(float(np.abs(own[name] - served[name]).max()) for name in compared)
    if not difference <= PARITY_TOLERANCE * scale:
        raise RuntimeError(f"the ONNX model differs from {library} by {difference:g}: a trainer's defect")
    parity = sample.select([feature.name for feature in job.features])
    for name, values in own.items():
        parity = parity.append_column(name, pa.array(values))
    return difference, parity


def answers_of(job, predicted):
    """The library's own answers, by output."""
    import numpy as np

    if job.task == "regression":
        return {"prediction": predicted.astype(np.float32)}
    if job.task == "binary":
        return {"prediction": (predicted >= 0.5).astype(np.int64), "score": predicted.astype(np.float32)}
    likeliest = [job.classes[index] for index in predicted.argmax(axis=1)]
    scores = {name: np.ascontiguousarray(predicted[:, i], dtype=np.float32) for i, name in enumerate(job.scores)}
    return {"prediction": likeliest, **scores}


def loss_of(job, labels, predicted):
    """Log loss; for regression RMSE."""
    import numpy as np

    if job.task == "regression":
        return float(np.sqrt(np.mean((predicted - labels) ** 2)))
    if job.task == "binary":
        of_label = np.where(labels == 1, predicted, 1 - predicted)
    else:
        of_label = predicted[np.arange(len(labels)), labels.astype(int)]
    return float(-np.mean(np.log(np.clip(of_label, 1e-15, 1))))


def metrics_of(job, table, labels, parity, loss, **others):
    """What metrics.json says; `parity`: what `check_parity` gave."""
    difference, rows = parity
    return {
        "rows": table.num_rows,
        **labels_said(job, labels),
        **others,
        ("trainingRmse" if job.task == "regression" else "trainingLogLoss"): loss,
        "parity": {"rows": rows.num_rows, "largestDifference": difference},
        "device": job.device,
        "params": job.params,
        "seed": job.seed,
    }


def save_results(directory, model_bytes, metrics, parity):
    """model.onnx comes last: where it is, all is there."""
    import pyarrow.parquet as pq

    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(parity, directory / "parity.parquet")
    write_atomically(directory / "metrics.json", json.dumps(metrics, indent=2).encode())
    write_atomically(directory / "model.onnx", model_bytes)
    log(f"wrote {directory / 'model.onnx'}, {len(model_bytes)} bytes")
