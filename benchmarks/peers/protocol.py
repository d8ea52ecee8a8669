"""The protocol of the peers in Python: a process that answers commands, one line of JSON each.

    python SCRIPT ENGINE THREADS

The first line on standard output is {"version": …}, or {"missing": …} if a package is not installed. After
that, each command on standard input, an object with the field "do", is answered by one object, or by
{"error": …}. An ARRAY in a command is {"path": …, "type": "uint8", "uint32" or "float32", "shape": [rows,
columns]}, little-endian and row-major.
"""

import json
import os
import sys

import numpy as np


def load(array):
    """Read an array from its file."""
    values = np.fromfile(array["path"], dtype=np.dtype(array["type"]).newbyteorder("<"))
    return values.reshape(array["shape"])


def serve(engines, worker):
    """Answer commands with the `worker` of the requested engine until the input ends."""
    name, threads = sys.argv[1], int(sys.argv[2])
    # Answers go to standard output; whatever libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        engine = engines[name](threads)
    except ImportError as error:
        say({"missing": str(error)})
        return
    say({"version": engine.version})
    worker = worker(engine)
    for line in sys.stdin:
        try:
            say(worker.answer(json.loads(line)))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})
