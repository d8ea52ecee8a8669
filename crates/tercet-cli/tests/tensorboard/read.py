"""Reads event files of `tercet train --tensorboard` with TensorBoard's own reader: read.py PROGRAM

The scalars must equal those of `--log-steps` of the same training, and a training that was killed and resumed
must give the same curves as an uninterrupted one.
"""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

STEPS, VALIDATE_EVERY, MEASURE_EVERY = 900, 200, 9
TRAIN = [
    "train", "network", "--hidden", "24,16", "--schedule", "cosine", "--lr", "0.05", "--seed", "3",
    "--iterations", str(STEPS), "--validate-every", str(VALIDATE_EVERY), "--validation", "1000",
]  # fmt: skip


def curves(folder):
    """The scalars of a folder of event files: tag -> [(step, value)]."""
    reader = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def f32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def against_the_log(found, steps):
    """Check that the curves equal the lines of JSON."""

    def line(name):
        return [(s["step"], f32(s[name])) for s in steps if name in s]

    for tag, name in [
        ("loss/batch", "loss"),
        ("learning_rate", "learning_rate"),
        ("loss/validation", "validation_loss"),
        ("accuracy/validation", "validation_accuracy"),
    ]:
        check(found[tag] == line(name), f"{tag} is {found[tag][:3]}…, the log says {line(name)[:3]}…")
    checks = [step for step, _ in line("validation_loss")]
    check(
        checks == [*range(VALIDATE_EVERY, STEPS, VALIDATE_EVERY), STEPS], f"validation checks after {checks}"
    )
    losses = [s["loss"] for s in steps]
    for (step, mean), since in zip(found["loss/train"], [0, *checks]):
        expected = sum(losses[since:step]) / (step - since)
        check(abs(mean - expected) < 1e-5, f"loss/train after {step} is {mean}, the mean is {expected}")
    measured = [*range(MEASURE_EVERY, STEPS + 1, MEASURE_EVERY)]
    for tag in ["accuracy/train_sample", *(f"update_to_weight/layer_{n}" for n in (1, 2, 3))]:
        check([step for step, _ in found[tag]] == measured, f"{tag} after {found[tag][:3]}…")
        check(all(0 <= value <= 1 for _, value in found[tag]), f"{tag} is no share")
    dead = {tag for tag in found if tag.startswith("dead_units/")}
    check(dead == {"dead_units/layer_1", "dead_units/layer_2"}, f"dead units of {dead}")


def main(program):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def command(*arguments):
            return [program, *TRAIN, *arguments, "--quiet"]

        log = folder / "steps.jsonl"
        run = command("--out", str(folder / "whole.safetensors"), "--log-steps", str(log))
        subprocess.run([*run, "--tensorboard", str(folder / "whole")], check=True, stdout=subprocess.DEVNULL)
        whole = curves(folder / "whole")
        against_the_log(whole, [json.loads(line) for line in log.read_text().splitlines()])

        # The reader must notice a flipped bit, or this test would prove nothing.
        (file,) = (folder / "whole").iterdir()
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (folder / "damaged").write_bytes(damaged)

        def count(path):
            return sum(1 for _ in RawEventFileLoader(str(path)).Load())

        check(count(folder / "damaged") < count(file), "a damaged file is read to its end")

        parts, checkpoint = folder / "parts", folder / "checkpoint"
        run = command("--out", str(folder / "parts.safetensors"), "--tensorboard", str(parts))
        run += ["--checkpoint-every", "7", "--checkpoint", str(checkpoint)]
        kills, delays = 0, [0.0, 0.05, 0.1]
        for _ in range(60):
            child = subprocess.Popen(
                [*run, *(["--resume"] if checkpoint.exists() else [])], stdout=subprocess.DEVNULL
            )
            begun = len(list(parts.iterdir())) if parts.exists() else 0
            while child.poll() is None and (not checkpoint.exists() or len(list(parts.iterdir())) == begun):
                time.sleep(0.001)
            time.sleep(delays[kills])
            child.kill()
            if child.wait() == 0:
                # It ended before it could be killed, as happens on a busy machine: once more from the start.
                shutil.rmtree(parts)
                checkpoint.unlink()
                kills = 0
                continue
            kills += 1
            if kills == len(delays):
                break
        check(kills > 0, "it always ended before it could be killed")
        subprocess.run([*run, "--resume"], check=True, stdout=subprocess.DEVNULL)
        files = len(list(parts.iterdir()))
        check(files > 1, "a resumed training begins a file of its own")
        check(curves(parts) == whole, "the curves of a resumed training are not those of one in a piece")
        points = sum(map(len, whole.values()))
        print(
            f"{len(whole)} curves with {points} points are read as they were written, "
            f"from 1 file and from {files}"
        )


main(sys.argv[1])
