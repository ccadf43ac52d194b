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

from .checkpoints import Checkpoints, job_digest
from .data import categories_of, labels_said, numbers_of, read_labels, read_table
from .ending import bad_data, bad_parameters, log, say
from .graph import ONNX_ML_OPSET, ONNX_OPSET, as_float, finish_graph
from .job import Choice, Range, native_settings, require_cpu
from .program import main
from .results import check_parity, loss_of, metrics_of, sample_for_parity, save_results

__all__ = [
    "Checkpoints",
    "Choice",
    "ONNX_ML_OPSET",
    "ONNX_OPSET",
    "Range",
    "as_float",
    "bad_data",
    "bad_parameters",
    "categories_of",
    "check_parity",
    "finish_graph",
    "job_digest",
    "labels_said",
    "log",
    "loss_of",
    "main",
    "metrics_of",
    "native_settings",
    "numbers_of",
    "read_labels",
    "read_table",
    "require_cpu",
    "sample_for_parity",
    "save_results",
    "say",
]
