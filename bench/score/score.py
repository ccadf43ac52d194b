"""Scores a Parquet file with onnxruntime in batches and writes the scores: python score.py MODEL ROWS OUT THREADS BATCH."""
import json
import sys
import time

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

model, rows, out, threads, batch = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
began = time.perf_counter()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
names = [each.name for each in session.get_inputs()]
scoring, count = 0.0, 0
with open(out, "wb") as file:
    for part in pq.ParquetFile(rows).iter_batches(batch_size=batch, columns=names):
        feeds = {name: part[name].to_numpy(zero_copy_only=False).reshape(-1, 1) for name in names}
        from_ = time.perf_counter()
        prediction, score = session.run(["prediction", "score"], feeds)
        scoring += time.perf_counter() - from_
        file.write(np.asarray(score).tobytes())
        count += part.num_rows
print(json.dumps({"rows": count, "seconds": time.perf_counter() - began, "scoring": scoring}))
