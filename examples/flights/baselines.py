#!/usr/bin/env python3
"""What the model would have been without anybody deciding: trained in January and kept, or trained again every week.

One process for all weeks, so that interpreter, libraries and data are loaded once; the training itself is the ready
trainer's own (trainers/xgboost/train.py), from the encoding of the airports to the ONNX file and its parity check. The
model for week k learns from January and the weeks up to k - 2, whose labels are in when week k begins. Broken weeks are
learnt like others: a timer does not look at the data.

    python baselines.py '{"files": [{"week": 0, "path": "january.parquet"}, {"week": 1, "path": "…"}], "rowId": "flight_id",
        "fraction": 0.1, "holdout": false, "job": {"params": {...}, "features": [...], "label": {...}, "task": "binary", "seed": 7}}'

Reads    lines on standard input, each the number k of a week, ascending; week 0 in `files` stands for all before week 1, and what
         is "scored": false is learnt from with its week, but does not belong to the week's traffic
Prints   the trainer's progress, and per line read {"week": k, "seconds": s, "rows": n, "scores": [{"week", "rows", "positives",
         "auc", "aucSe", "logLoss", "logLossSe"}]}: the model of week k on the flights of every week from k on.
         With "holdout": also `reference`, its quality on the held-out rows of what it learnt from, and `gains`: by how much it beats
         the model of each earlier week there, {"week", "gain", "low", "high"} in log loss with the paired 95 % interval.
Exits    0 when standard input ends; with the trainer's codes when the trainer refuses
"""

import hashlib
import json
import math
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
TRAINERS = Path(__file__).resolve().parents[2] / "trainers"
sys.path[:0] = [str(TRAINERS), str(TRAINERS / "xgboost")]
import train as trainer  # noqa: E402
from contract import Checkpoints, check_parity, read_labels, sample_for_parity  # noqa: E402
from contract.data import as_type, kinds_of  # noqa: E402
from contract.ending import Refusal, StopRequest  # noqa: E402
from contract.job import read_job  # noqa: E402

CLIP = 1e-7  # as Seawall's own log loss
Z95 = 1.96


class Weeks:
    """The files' rows, by week: features and label as the trainer reads them, and which rows are held out."""

    def __init__(self, plan, job):
        self.plan, self.job, self.read = plan, job, {}

    def table(self, path):
        """(Arrow table, held-out mask) of one file."""
        if path not in self.read:
            import pyarrow as pa
            import pyarrow.parquet as pq

            wanted = [feature.name for feature in self.job.features] + [self.job.label]
            table = pq.ParquetFile(path).read(columns=[*wanted, self.plan["rowId"]])
            ids = table[self.plan["rowId"]].to_pylist()
            columns = {name: as_type(table[name], kind, name, path) for name, kind in kinds_of(self.job)}
            self.read[path] = (pa.table(columns), held_out(ids, self.plan["fraction"]))
        return self.read[path]

    def known(self, k, held):
        """What is labelled when week k begins: the rows that are held out, or the others."""
        import pyarrow as pa

        files = [file for file in self.plan["files"] if file["week"] <= max(0, k - 2)]
        tables = [self.table(file["path"]) for file in files]
        return pa.concat_tables([table.filter(pa.array(mask == held)) for table, mask in tables]).combine_chunks()

    def traffic(self, k):
        """All flights of week k."""
        import pyarrow as pa

        files = [file for file in self.plan["files"] if file["week"] == k and file.get("scored", True)]
        return pa.concat_tables([self.table(file["path"])[0] for file in files]).combine_chunks()

    def numbers(self):
        return sorted({file["week"] for file in self.plan["files"] if file["week"] > 0})


def held_out(ids, fraction):
    """Seawall's rule: the first 32 bits of the MD5 of the id's text, as a share of 2^32, are below the fraction."""
    import numpy as np

    first = (int.from_bytes(hashlib.md5(str(each).encode()).digest()[:4], "big") for each in ids)
    return np.fromiter(first, dtype=np.float64, count=len(ids)) / 2**32 < fraction


class Model:
    def __init__(self, weeks, k, stop):
        self.weeks, self.job, self.k = weeks, weeks.job, k
        table = weeks.known(k, held=False)
        began = time.perf_counter()
        labels = read_labels(table, self.job)
        self.encodings = trainer.learn_encodings(table, self.job, labels)
        matrix = trainer.encode(table, self.job, self.encodings)
        sample = sample_for_parity(table, self.job)
        checkpoints = Checkpoints(None, "", ".ubj")
        self.booster, _, _ = trainer.train(self.job, matrix, labels, checkpoints, stop)
        content = trainer.to_onnx(self.job, self.encodings, self.booster)
        check_parity(self.job, sample, self.predict(sample), content, "XGBoost")
        self.seconds, self.trained_rows = time.perf_counter() - began, table.num_rows

    def predict(self, table):
        import xgboost

        matrix = trainer.encode(table, self.job, self.encodings)
        return self.booster.predict(xgboost.DMatrix(matrix, nthread=self.job.params["threads"]))

    def score(self, table):
        """(scores, labels) as float64."""
        import numpy as np

        return self.predict(table).astype(np.float64), table[self.job.label].to_numpy().astype(np.float64)


def losses(scores, labels):
    import numpy as np

    p = np.clip(scores, CLIP, 1 - CLIP)
    return -(labels * np.log(p) + (1 - labels) * np.log1p(-p))


def performance(scores, labels):
    """As Seawall reports it: AUC with the standard error of Hanley and McNeil (1982), mean log loss with its own."""
    import numpy as np

    loss = losses(scores, labels)
    rows, positives = len(labels), int(labels.sum())
    found = {"rows": rows, "positives": positives, "auc": None, "aucSe": None, "logLoss": float(loss.mean())}
    found["logLossSe"] = float(loss.std(ddof=1) / math.sqrt(rows)) if rows > 1 else None
    negatives = rows - positives
    if positives and negatives:
        # The mean rank of the positives (Mann and Whitney 1947); ties share theirs.
        _, codes, counts = np.unique(scores, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[codes]
        auc = (ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
        q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
        spread = (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc) + auc * (1 - auc)
        found["auc"], found["aucSe"] = float(auc), math.sqrt(max(spread / (positives * negatives), 0))
    return found


def on_holdout(model, models):
    """Quality on the held-out rows of what the model learnt from, and what it gains there on every earlier model."""
    held = model.weeks.known(model.k, held=True)
    scores, labels = model.score(held)
    gains = []
    for week, other in models.items():
        difference = losses(other.score(held)[0], labels) - losses(scores, labels)
        gain, se = float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(len(difference)))
        gains.append({"week": week, "gain": gain, "low": gain - Z95 * se, "high": gain + Z95 * se})
    return {"reference": performance(scores, labels), "gains": gains}


def main():
    plan = json.loads(sys.argv[1])
    environment = {"SEAWALL_DATA_DIR": ".", "SEAWALL_MODEL_DIR": ".", "SEAWALL_DEVICE": "cpu"}
    job = read_job(environment | {"SEAWALL_PARAMS": json.dumps(plan["job"])}, trainer.PARAMS)
    weeks, stop, models = Weeks(plan, job), StopRequest(), {}
    for line in sys.stdin:
        k = int(line)
        model = Model(weeks, k, stop)
        scores = [{"week": j, **performance(*model.score(weeks.traffic(j)))} for j in weeks.numbers() if j >= k]
        found = {"week": k, "seconds": model.seconds, "rows": model.trained_rows, "scores": scores}
        if plan["holdout"]:
            found |= on_holdout(model, models)
            models[k] = model
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        main()
    except Refusal as refusal:
        print(refusal, file=sys.stderr, flush=True)
        sys.exit(refusal.exit_code)
