"""What the peers written in Python share: a process that answers commands, one line of JSON each.

    python SCRIPT ENGINE THREADS

The first line on standard output is what the engine is, {"version": …}, or {"missing": …} where a package is
not installed. Then each command on standard input, an object whose "do" says what to do, is answered by one
object; what goes wrong is answered by {"error": …}. An ARRAY in a command is {"path": …, "type": "uint8",
"uint32" or "float32", "shape": [rows, columns]}, little-endian and row by row.
"""

import json
import os
import sys

import numpy as np


def load(array):
    """The array as it lies in its file."""
    values = np.fromfile(array["path"], dtype=np.dtype(array["type"]).newbyteorder("<"))
    return values.reshape(array["shape"])


def serve(engines, worker):
    """Answers commands until there are no more, by what `worker` makes of the engine that was asked for."""
    name, threads = sys.argv[1], int(sys.argv[2])
    # Answers go where standard output went; whatever a library prints joins standard error.
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
