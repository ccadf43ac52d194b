"""What is learnt so far, in files that are whole or not there."""

import hashlib
import json
import os
import re

from .ending import log


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
