"""The program around a trainer."""

import os
import sys

from .ending import Refusal, StopRequest, log
from .job import read_job


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
