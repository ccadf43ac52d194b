"""What a trainer is asked to do: folders, features, label, task and parameters, from the environment."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .ending import bad_data, bad_parameters

FEATURE_TYPES = ("float32", "int64", "string")
TASKS = ("binary", "multiclass", "regression")
RESERVED = ("prediction", "score")


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
