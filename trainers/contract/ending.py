"""How a trainer ends: refusals with their exit codes, and SIGTERM in time."""

import json
import os
import signal
import sys
import threading
import time

EXIT_BAD_PARAMETERS, EXIT_BAD_DATA, EXIT_TEMPORARY = 64, 65, 75

# SIGTERM must be answered within 2 s, and one step on much data can take longer than that.
STOP_PATIENCE_S = 1.5


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
