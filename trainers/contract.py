"""What the ready trainers share: Seawall's trainer contract in Python, beside the learning itself.

Each trainer is one file, `<name>/train.py`, that names its parameters and hands `run(job, stop)` to `main`. Here is the rest:
parameters and data are read and refused with the right exit code, SIGTERM is answered in time, checkpoints are found again,
the model's inputs and outputs get their names and types, and its file is compared with the library that learnt it.

Reads    every *.parquet file below SEAWALL_DATA_DIR, in the order of their paths.
         Feature types: float32 and int64 (null: missing), string (null: the same as the empty string).
         Label: with the task binary 0 or 1; multiclass one of SEAWALL_PARAMS' classes, as text or whole number;
         regression a finite number.
Writes   SEAWALL_MODEL_DIR/model.onnx    one input [N, 1] per feature, named after it and of its type; outputs
                                         binary      `prediction` (int64 [N], score >= 0.5), `score` (float32 [N], P(1))
                                         multiclass  `prediction` (string [N], the likeliest class), `score_<class>`
                                                     (float32 [N], its probability) for each class
                                         regression  `prediction` (float32 [N])
         SEAWALL_MODEL_DIR/metrics.json  what was trained on and how it went
         SEAWALL_MODEL_DIR/parity.parquet   sampled rows with the trainer's own answers, named as the outputs
         SEAWALL_CHECKPOINT_DIR          (optional) what is learnt so far; a later start with the same data and
                                         parameters goes on there and ends with the same model, byte for byte
Prints   {"progress": 0.4, "step": 120, "loss": 0.31} as JSON lines; loss is the training loss (log loss, RMSE)
Exits    0 done, 64 bad parameters, 65 bad data, 75 temporary (after SIGTERM: saved and left), else a defect
"""

import hashlib
import json
import math
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

EXIT_BAD_PARAMETERS, EXIT_BAD_DATA, EXIT_TEMPORARY = 64, 65, 75

# SIGTERM must be answered within 2 s, and one step on much data can take longer than that.
STOP_PATIENCE_S = 1.5
PARITY_ROWS = 2000
PARITY_TOLERANCE = 1e-5
# Conservative on purpose: servers are older than trainers. Opset 15 belongs to IR version 8 (ONNX 1.10, 2021).
ONNX_OPSET, ONNX_ML_OPSET, ONNX_IR_VERSION = 15, 3, 8
FEATURE_TYPES = ("float32", "int64", "string")
TASKS = ("binary", "multiclass", "regression")
RESERVED = ("prediction", "score")


class Refusal(Exception):
    """Ends the program with `exit_code` and one line that says what happened, where, and what to do."""

    def __init__(self, exit_code, message):
        super().__init__(message)
        self.exit_code = exit_code


def bad_parameters(message):
    return Refusal(EXIT_BAD_PARAMETERS, f"bad parameters: {message}")


def bad_data(message):
    return Refusal(EXIT_BAD_DATA, f"bad data: {message}")


def say(**progress):
    print(json.dumps(progress), flush=True)


def log(message):
    print(message, file=sys.stderr, flush=True)


# ── Parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Range:
    """A number that a person may set: its default, its limits, and what the library calls it (None: the trainer's own)."""

    default: float
    low: float
    high: float
    native: str | None = None
    above_low: bool = False

    @property
    def whole(self):
        return isinstance(self.default, int)

    def problem(self, value):
        kinds = (int,) if self.whole else (int, float)
        kind = "a whole number" if self.whole else "a number"
        bounds = f"{'above' if self.above_low else 'from'} {self.low} to {self.high}"
        right = isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high
        if right and not (self.above_low and value == self.low):
            return None
        return f"must be {kind} {bounds}, not {json.dumps(value)}"


@dataclass(frozen=True)
class Choice:
    """One of several words; the first is the default."""

    words: tuple[str, ...]
    native: str | None = None

    @property
    def default(self):
        return self.words[0]

    def problem(self, value):
        return None if value in self.words else f"must be one of {', '.join(self.words)}, not {json.dumps(value)}"


@dataclass(frozen=True)
class Feature:
    name: str
    type: str


@dataclass(frozen=True)
class Job:
    data_dir: Path
    model_dir: Path
    checkpoint_dir: Path | None
    device: str
    features: list[Feature]
    label: str
    task: str
    classes: list[str]
    seed: int
    params: dict

    @property
    def scores(self):
        """Names of the outputs that are probabilities."""
        if self.task == "multiclass":
            return [f"score_{name}" for name in self.classes]
        return ["score"] if self.task == "binary" else []


def read_job(environment, known):
    """The job from the environment; refuses anything it does not understand, so that no wish is silently ignored.

    `known`: the trainer's parameters, name -> Range or Choice.
    """
    data_dir = folder(environment, "SEAWALL_DATA_DIR")
    model_dir = folder(environment, "SEAWALL_MODEL_DIR")
    checkpoint_dir = Path(environment["SEAWALL_CHECKPOINT_DIR"]) if environment.get("SEAWALL_CHECKPOINT_DIR") else None
    if not data_dir.is_dir():
        raise bad_data(f"SEAWALL_DATA_DIR is {data_dir}, which is not a folder")
    try:
        wanted = json.loads(environment.get("SEAWALL_PARAMS", ""))
    except ValueError as error:
        raise bad_parameters(f"SEAWALL_PARAMS is not JSON ({error})") from None
    if not isinstance(wanted, dict):
        raise bad_parameters("SEAWALL_PARAMS must be a JSON object with params, features, label, task and seed")
    task = wanted.get("task")
    if task not in TASKS:
        raise bad_parameters(f"task is {json.dumps(task)}; this trainer does {', '.join(TASKS)}")
    classes = read_classes(wanted.get("classes"), task)
    seed = wanted.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
        raise bad_parameters(f"seed must be a whole number from 0 to 2147483647, not {json.dumps(seed)}")
    label = read_label(wanted.get("label"))
    device = read_device(environment.get("SEAWALL_DEVICE") or "cpu")
    features = read_features(wanted.get("features"), label)
    params = read_params(wanted.get("params", {}), known)
    return Job(data_dir, model_dir, checkpoint_dir, device, features, label, task, classes, seed, params)


def folder(environment, name):
    if not environment.get(name):
        raise bad_parameters(f"the environment variable {name} is not set")
    return Path(environment[name])


def read_classes(classes, task):
    if task != "multiclass":
        return []
    right = isinstance(classes, list) and all(isinstance(name, str) and name for name in classes)
    if not right or len(set(classes)) != len(classes) or len(classes) < 2:
        raise bad_parameters('the task multiclass needs "classes": a list of at least two different texts')
    return classes


def read_label(label):
    column = label.get("column") if isinstance(label, dict) else None
    if not isinstance(column, str) or not column:
        raise bad_parameters('label must be {"column": "<name>"}')
    return column


def read_device(device):
    if device != "cpu" and not re.fullmatch(r"cuda(:\d+)?", device):
        raise bad_parameters(f'SEAWALL_DEVICE is "{device}"; it must be cpu or cuda:<number>')
    return device


def require_cpu(job, library):
    if job.device != "cpu":
        raise bad_parameters(f"SEAWALL_DEVICE is {job.device}, but {library} trains on the CPU here; set trainer.device to cpu")


def read_features(features, label):
    if not isinstance(features, list) or not features:
        raise bad_parameters('features must be a list like [{"name": "hour", "type": "int64"}]')
    found = []
    for feature in features:
        name, kind = (feature.get("name"), feature.get("type")) if isinstance(feature, dict) else (None, None)
        if not isinstance(name, str) or not name:
            raise bad_parameters(f"a feature has no name: {json.dumps(feature)}")
        if kind not in FEATURE_TYPES:
            raise bad_parameters(f'feature "{name}" has type {json.dumps(kind)}; it must be {", ".join(FEATURE_TYPES)}')
        if name in RESERVED:
            raise bad_parameters(f'feature "{name}" has the name of a model output; rename the column')
        if name == label:
            raise bad_parameters(f'feature "{name}" is the label itself; a model cannot learn from it')
        if any(other.name == name for other in found):
            raise bad_parameters(f'feature "{name}" is listed twice')
        found.append(Feature(name, kind))
    return found


def read_params(params, known):
    if not isinstance(params, dict):
        raise bad_parameters("params must be a JSON object")
    for name, value in params.items():
        if name not in known:
            raise bad_parameters(f'unknown parameter "{name}"; this trainer knows {", ".join(known)}')
        problem = known[name].problem(value)
        if problem:
            raise bad_parameters(f'parameter "{name}" {problem}')
    return {name: params.get(name, wanted.default) for name, wanted in known.items()}


def native_settings(job, known):
    """The parameters that the library knows, by its own names."""
    return {wanted.native: job.params[name] for name, wanted in known.items() if wanted.native}


# ── Stopping ────────────────────────────────────────────────────────────────────────────────────────────────────────


class StopRequest:
    """SIGTERM as a flag that the training loop looks at after every step.

    Python runs signal handlers between bytecodes, so a long call into native code would delay them. A thread that
    reads the wake-up pipe sees the signal at once and, if the main thread does not come round in time, leaves with
    what was saved last.
    """

    def __init__(self):
        self.requested = False
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGTERM, lambda *_: None)
        threading.Thread(target=self._watch, args=(reader,), daemon=True).start()

    def _watch(self, reader):
        while os.read(reader, 1) != bytes([signal.SIGTERM]):
            pass
        self.requested = True
        time.sleep(STOP_PATIENCE_S)
        log("stopped by SIGTERM in the middle of a step; the last checkpoint stands")
        os._exit(EXIT_TEMPORARY)

    def check(self, saved="nothing was to be saved"):
        if self.requested:
            raise Refusal(EXIT_TEMPORARY, f"stopped by SIGTERM: {saved}")


# ── Data ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_table(job):
    """Features and label of all files as one Arrow table, the features in their types, the label as float32."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path for path in job.data_dir.rglob("*.parquet") if path.is_file())
    if not files:
        raise bad_data(f"there is no *.parquet file below {job.data_dir}")
    parts = []
    for path in files:
        try:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            wanted = [feature.name for feature in job.features] + [job.label]
            for name in wanted:
                if name not in names:
                    raise bad_data(f'{path} has no column "{name}"; its columns are {", ".join(names)}')
            table = file.read(columns=wanted)
        except (pa.ArrowException, OSError) as error:
            raise bad_data(f"{path} cannot be read as Parquet ({first_line(error)})") from None
        parts.append(pa.table({name: as_type(table[name], kind, name, path) for name, kind in kinds_of(job)}))
    table = pa.concat_tables(parts)
    if table.num_rows == 0:
        raise bad_data(f"the {len(files)} files below {job.data_dir} hold no rows")
    return table.combine_chunks()


def kinds_of(job):
    label = {"multiclass": "class", "regression": "number"}.get(job.task, "label")
    return [(feature.name, feature.type) for feature in job.features] + [(job.label, label)]


def as_type(column, kind, name, path):
    import pyarrow as pa
    import pyarrow.compute as pc

    source = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(source) or pa.types.is_large_string(source) or pa.types.is_string_view(source)
    is_number = any(
        test(source)
        for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    )
    fits = is_text if kind == "string" else is_number or (is_text and kind == "class")
    if not pa.types.is_null(source) and not fits:
        raise bad_data(f'column "{name}" of {path} is {column.type}, which is no {kind}')
    if kind == "class":
        return as_class(column, is_text, name, path)
    target = {"string": pa.string(), "int64": pa.int64(), "number": pa.float64()}.get(kind, pa.float32())
    try:
        # float32 rounds, as it does in front of the served model; int64 must hold whole numbers.
        column = pc.cast(column, target, safe=kind == "int64")
    except pa.ArrowException as error:
        raise bad_data(f'column "{name}" of {path} is no {kind} ({first_line(error)})') from None
    return pc.fill_null(column, "") if kind == "string" else column


def as_class(column, is_text, name, path):
    """Labels as texts; numbers must be whole, and are written without a point."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(column if is_text else pc.cast(column, pa.int64()), pa.string())
    except pa.ArrowException as error:
        raise bad_data(f'column "{name}" of {path} holds no classes ({first_line(error)})') from None


def first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def read_labels(table, job):
    """float32 per row: 0 or 1, the index of the class, or the number."""
    import numpy as np

    name = job.label
    column = table[name]
    if column.null_count:
        raise bad_data(f'{column.null_count} of {table.num_rows} rows have no label (column "{name}" is null)')
    if job.task == "multiclass":
        labels = class_indices(column, job)
    else:
        labels = column.to_numpy()
        right, rule = (
            (np.isfinite(labels.astype(np.float32)), "finite numbers")
            if job.task == "regression"
            else ((labels == 0) | (labels == 1), "0 and 1")
        )
        wrong = labels[~right]
        if len(wrong):
            raise bad_data(f'the label column "{name}" must hold {rule}; {len(wrong)} rows differ, first: {wrong[0]}')
    if labels.min() == labels.max() and job.task != "regression":
        only = job.classes[int(labels[0])] if job.task == "multiclass" else int(labels[0])
        raise bad_data(f"all {len(labels)} rows have the label {only}; two classes are needed to learn from")
    return labels.astype(np.float32)


def class_indices(column, job):
    import numpy as np

    found, codes = categories_of(column)
    unknown = [category for category in found if category not in job.classes]
    if unknown:
        raise bad_data(f'the label column "{job.label}" holds {unknown[0]!r}, which is none of {", ".join(job.classes)}')
    return np.array([job.classes.index(category) for category in found])[codes]


def labels_said(job, labels):
    """What is worth telling of the labels."""
    import numpy as np

    if job.task == "binary":
        return {"positives": int(labels.sum())}
    if job.task == "regression":
        return {"labelMean": float(labels.mean(dtype=np.float64))}
    return {"counts": dict(zip(job.classes, np.bincount(labels.astype(int), minlength=len(job.classes)).tolist()))}


def categories_of(column):
    """Distinct strings in order, and each row's index among them."""
    import numpy as np
    import pyarrow as pa

    encoded = pa.chunked_array(column).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    return [found[index] for index in order], rank[encoded.indices.to_numpy(zero_copy_only=False)]


def numbers_of(table, feature):
    """float32 per row, as the graph's Cast gives it; NaN where nothing is known."""
    import numpy as np

    column = table[feature.name]
    numbers = column.fill_null(0 if feature.type == "int64" else math.nan).to_numpy().astype(np.float32)
    if feature.type == "int64":
        numbers[column.is_null().to_numpy()] = np.nan
    if np.isinf(numbers).any():
        raise bad_data(f'column "{feature.name}" holds infinite values; make them null or finite')
    return numbers


# ── Checkpoints ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Checkpoints:
    """What is learnt so far, one file each: checkpoint-<job>-<step>-<sha256><suffix>.

    The name says everything that decides whether a file may be used: `job` is a digest of data, parameters and
    versions, and the content must hash to `sha256`. So a file from another job, a torn one or a half-copied one is
    passed over. Files appear by rename, never half-written.
    """

    KEEP = 2

    def __init__(self, directory, job_digest, suffix):
        self.directory, self.job_digest, self.suffix = directory, job_digest, suffix
        self.pattern = re.compile(rf"checkpoint-([0-9a-f]{{16}})-(\d{{6}})-([0-9a-f]{{64}}){re.escape(suffix)}")
        if directory:
            directory.mkdir(parents=True, exist_ok=True)

    def _own(self):
        """This job's files, newest first, as (step, sha256, path)."""
        matches = [(self.pattern.fullmatch(path.name), path) for path in self.directory.iterdir()]
        own = [(int(m[2]), m[3], path) for m, path in matches if m and m[1] == self.job_digest]
        return sorted(own, reverse=True)

    def newest(self):
        """(step, content) of the newest valid checkpoint, or (0, None)."""
        if not self.directory:
            return 0, None
        for step, digest, path in self._own():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == digest:
                return step, content
            log(f"checkpoint {path.name} is damaged and passed over")
        return 0, None

    def save(self, step, content, unit="tree"):
        if not self.directory:
            return "there is no SEAWALL_CHECKPOINT_DIR, nothing was saved"
        digest = hashlib.sha256(content).hexdigest()
        name = f"checkpoint-{self.job_digest}-{step:06d}-{digest}{self.suffix}"
        write_atomically(self.directory / name, content)
        for _, _, path in self._own()[self.KEEP :]:
            path.unlink(missing_ok=True)
        return f"saved at {unit} {step}"


def write_atomically(path, content):
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def job_digest(job, version, arrays):
    """What a checkpoint belongs to: the library's version, the job, and all numbers that are learnt from."""
    digest = hashlib.sha256()
    names = [(feature.name, feature.type) for feature in job.features]
    task = [job.task, *job.classes]
    shape = list(arrays[0].shape)
    identity = [version, job.device.partition(":")[0], names, job.label, task, job.seed, job.params, shape]
    digest.update(json.dumps(identity).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def graph_inputs(job):
    """One input [N, 1] per feature."""
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "string": TensorProto.STRING}
    return [helper.make_tensor_value_info(feature.name, kinds[feature.type], ["N", 1]) for feature in job.features]


def as_float(feature, output, nodes):
    """The name under which a number stands in the graph as float32; adds the node that it takes."""
    from onnx import TensorProto, helper

    if feature.type == "float32":
        return feature.name
    nodes.append(helper.make_node("Cast", [feature.name], [output], to=TensorProto.FLOAT))
    return output


def finish_graph(job, nodes, constants, answers, producer):
    """The ModelProto; `answers`: probabilities [N, classes], or numbers [N, 1]."""
    import onnx
    from onnx import helper

    heads = {"binary": binary_heads, "multiclass": class_heads, "regression": number_head}[job.task]
    last, own, outputs = heads(job, answers)
    graph = helper.make_graph(nodes + last, "model", graph_inputs(job), outputs, constants + own)
    opsets = [helper.make_opsetid("", ONNX_OPSET), helper.make_opsetid("ai.onnx.ml", ONNX_ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name=producer, ir_version=ONNX_IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def binary_heads(job, probabilities):
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Gather", [probabilities, "positive"], ["score"], axis=1),
        helper.make_node("GreaterOrEqual", ["score", "threshold"], ["is_positive"]),
        helper.make_node("Cast", ["is_positive"], ["prediction"], to=TensorProto.INT64),
    ]
    constants = [
        helper.make_tensor("positive", TensorProto.INT64, [], [1]),
        helper.make_tensor("threshold", TensorProto.FLOAT, [], [0.5]),
    ]
    outputs = [
        helper.make_tensor_value_info("prediction", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"]),
    ]
    return nodes, constants, outputs


def class_heads(job, probabilities):
    from onnx import TensorProto, helper

    indices = range(len(job.classes))
    nodes = [
        helper.make_node("ArgMax", [probabilities], ["likeliest"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder",
            ["likeliest"],
            ["prediction"],
            domain="ai.onnx.ml",
            keys_int64s=list(indices),
            values_strings=job.classes,
            default_string="",
        ),
        *[helper.make_node("Gather", [probabilities, f"class/{i}"], [job.scores[i]], axis=1) for i in indices],
    ]
    constants = [helper.make_tensor(f"class/{i}", TensorProto.INT64, [], [i]) for i in indices]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.STRING, ["N"])]
    outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in job.scores]
    return nodes, constants, outputs


def number_head(job, numbers):
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Squeeze", [numbers, "axis"], ["prediction"])]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N"])]
    return nodes, [helper.make_tensor("axis", TensorProto.INT64, [1], [1])], outputs


# ── The model's file against the library ────────────────────────────────────────────────────────────────────────────


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


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────


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


def main(run, known):
    """Runs `run(job, stop)` and ends the program. `known`: the trainer's parameters."""
    # Idle threads of OpenMP spin by default; on a busy machine (serving beside training) that made runs much slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    stop = StopRequest()
    code = 0
    try:
        run(read_job(os.environ, known), stop)
    except Refusal as refusal:
        log(str(refusal))
        code = refusal.exit_code
    except MemoryError:
        log("out of memory: fewer rows, a smaller model or a larger machine are needed")
        code = 1
    except Exception:
        import traceback

        log(traceback.format_exc())
        code = 1
    # Without waiting for threads: the watcher of SIGTERM sleeps in a read.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
