"""Runs `tercet train --dashboard` in a pseudo-terminal and presses its keys: press.py PROGRAM

Needs only Python, on a system with pseudo-terminals.
"""

import atexit
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

TRAIN = ["train", "network", "--hidden", "16", "--validation", "1000", "--seed", "3"]
SCREEN, TERMINAL = b"\x1b[?1049h", b"\x1b[?1049l"


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


class Run:
    """The program in a terminal of 80 × 24."""

    def __init__(self, program, folder, *arguments):
        self.terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(end)
        self.end, self.output = end, b""
        self.child = subprocess.Popen(
            [program, *TRAIN, "--dashboard", *arguments],
            cwd=folder, stdin=end, stdout=end, stderr=end, start_new_session=True,
        )  # fmt: skip
        # A failing check must not leave a training of a hundred million steps running.
        atexit.register(self.child.kill)

    def read(self, seconds):
        if select.select([self.terminal], [], [], seconds)[0]:
            self.output += os.read(self.terminal, 65536)

    def until(self, words):
        """Wait until a text newly appears on the screen."""
        begun, since = time.monotonic(), len(self.output)
        while words not in self.output[since:]:
            check(self.child.poll() is None, f"it ended before it showed {words}: {self.output[-2000:]}")
            check(time.monotonic() - begun < 300, f"it did not show {words}: {self.output[-2000:]}")
            self.read(0.1)

    def press(self, keys):
        os.write(self.terminal, keys)

    def ends(self, code):
        """Wait for the end of the program, which must restore the terminal."""
        begun = time.monotonic()
        while self.child.poll() is None:
            check(time.monotonic() - begun < 300, "it did not end")
            self.read(0.05)
        self.read(0.1)
        check(self.child.returncode == code, f"it ended with {self.child.returncode}, not {code}")
        check(self.output.count(SCREEN) == self.output.count(TERMINAL) == 1, "the screen stays")
        check(self.output.rindex(b"\x1b[?25h") > self.output.index(TERMINAL), "the cursor stays hidden")
        check(termios.tcgetattr(self.end) == self.before, "the terminal stays as the dashboard had it")
        os.close(self.end)
        os.close(self.terminal)


def changes(model):
    """The changes of the learning rate in the card of a model file."""
    content = model.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    return json.loads(header["__metadata__"]["tercet"])["card"]["settings"].get("rate_changes")


def main(program):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plain = [program, *TRAIN, "--quiet"]

        # Without key presses, the same bits as a training without a dashboard.
        subprocess.run(
            [*plain, "--iterations", "3000", "--out", "plain"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        Run(program, folder, "--iterations", "3000", "--out", "watched").ends(0)
        check(
            (folder / "plain").read_bytes() == (folder / "watched").read_bytes(),
            "a dashboard changes the model",
        )

        # Pause, halve the learning rate, resume, and stop; then resume without a dashboard.
        keep = [
            "--iterations",
            "100000000",
            "--checkpoint-every",
            "100000000",
            "--out",
            "m",
            "--checkpoint",
            "c",
        ]
        run = Run(program, folder, *keep, "--log-steps", "stopped.jsonl")
        run.until(b"pause")
        run.press(b" ")
        run.until(b"PAUSED")
        size = (folder / "stopped.jsonl").stat().st_size
        time.sleep(0.3)
        # The line of the last step before the pause is written after it resumes.
        check((folder / "stopped.jsonl").stat().st_size == size, "it trains during a pause")
        run.press(b"h")
        run.until(b"(1)")
        run.press(b" ")
        run.until(b"halved")
        run.press(b"s")
        run.ends(0)
        (change,) = changes(folder / "m")
        check(change["factor"] == 0.5, f"the model says {change}")
        stopped = (folder / "stopped.jsonl").read_text().splitlines()
        rates = [json.loads(line)["learning_rate"] for line in stopped]
        step = change["step"]
        check(rates[step] < 0.6 * rates[step - 1], f"{rates[step - 1 : step + 1]} around step {step}")
        resumed = subprocess.Popen(
            [*plain, *keep, "--resume", "--log-steps", "resumed.jsonl"], cwd=folder, stdout=subprocess.DEVNULL
        )
        atexit.register(resumed.kill)
        lines = []
        while len(lines) < len(stopped) + 100 and resumed.poll() is None:
            time.sleep(0.05)
            log = folder / "resumed.jsonl"
            lines = log.read_text().splitlines() if log.exists() else []
        resumed.send_signal(signal.SIGINT)
        check(resumed.wait() == 130, "the resumed training did not go on")
        check(lines[: len(stopped)] == stopped, "the steps before differ")
        ratio = json.loads(lines[len(stopped)])["learning_rate"] / rates[-1]
        check(0.99 < ratio <= 1, f"the learning rate of the first step after it is {ratio} of the last")

        # Ctrl-C as a key and as a signal; a diverging loss; a screen that is too small.
        for end in (lambda run: run.press(b"\x03"), lambda run: run.child.send_signal(signal.SIGTERM)):
            run = Run(program, folder, "--iterations", "100000000", "--out", "interrupted")
            run.until(b"pause")
            end(run)
            run.ends(130)
            check(b"interrupted: the current model will be saved" in run.output, "it does not say so")
        run = Run(program, folder, "--iterations", "1000", "--lr", "100000", "--out", "diverged")
        run.ends(3)
        check(b"error: the loss became" in run.output[run.output.index(TERMINAL) :], "it does not say why")
        print("keys do what the screen says, and the terminal is given back")


main(sys.argv[1])
