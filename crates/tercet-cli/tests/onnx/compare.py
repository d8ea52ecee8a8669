"""Exports models of every kind, validates them with ONNX's checker, and compares ONNX Runtime with Tercet.

Usage: compare.py PROGRAM
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

TOLERANCE = 1e-5

IMAGES = {
    "linear": "train linear --epochs 2",
    "dense": "train network --hidden 24,16 --epochs 2",
    "convolutional": [
        "train",
        "network",
        "--epochs",
        "1",
        "--layers",
        "conv3-6+1 batchnorm relu pool conv3x2-5 leaky0.1 avgpool3/1 flatten dense20 batchnorm gelu dense20 "
        "gelu-tanh dropout0.3 dense12 tanh dense9 sigmoid",
    ],
    "l2": "train neighbors -k 5",
    "l1": "train neighbors -k 4 --metric l1",
    "l3": "train neighbors -k 3 --metric l3",
    "cosine": "train neighbors -k 4 --metric cosine",
    "dot": "train neighbors -k 4 --metric dot",
    "l2-distance": "train neighbors -k 5 --vote distance",
    "cosine-distance": "train neighbors -k 5 --metric cosine --vote distance",
}
FEATURES = {
    "linear": "train linear --solver dual",
    "dense": "train network --hidden 16 --epochs 2 --learning-rate 0.01",
    "l2": "train neighbors -k 5",
    "cosine": "train neighbors -k 4 --metric cosine --vote distance",
}


def images(rng, count, channels):
    """Noisy stripes of three classes, with duplicates, so that distances tie."""
    labels = np.arange(count) % 3
    y, x = np.mgrid[0:10, 0:12]
    patterns = np.stack([y % 6 < 3, x % 6 < 3, (x + y) % 6 < 3]) * 150 + 50
    shape = (count, 10, 12, channels)
    pixels = np.clip(patterns[labels][..., None] + rng.normal(0, 60, shape), 0, 255).astype(np.uint8)
    pixels[1::7] = pixels[0::7][: len(pixels[1::7])]
    return (pixels[..., 0] if channels == 1 else pixels), labels


def main(program):
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:

        def run(words):
            return subprocess.run(
                [program, "--quiet", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL
            )

        sets = {}
        for name, channels in [("gray", 1), ("colour", 3)]:
            train, test = images(rng, 300, channels), images(rng, 100, channels)
            sets[name] = (train[0], train[1], test[0], test[1])
        centres = rng.normal(0, 1, (4, 17))

        def rows(labels):
            return (centres[labels] + rng.normal(0, 1, (len(labels), 17))).astype(np.float32)

        y_train, y_test = np.arange(400) % 4, np.arange(100) % 4
        sets["features"] = (rows(y_train), y_train, rows(y_test), y_test)
        for name, (x_train, y_train, x_test, y_test) in sets.items():
            np.savez(
                os.path.join(folder, name), x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test
            )
            models = FEATURES if name == "features" else IMAGES
            for kind, words in models.items():
                words = words.split() if isinstance(words, str) else words
                data = ["--data", f"{name}.npz"]
                run([*words, *data, "--out", "model.safetensors"])
                for pixels in [False, True] if name != "features" else [False]:
                    run(
                        [
                            "export",
                            "model.safetensors",
                            "--onnx",
                            "model.onnx",
                            "--scores",
                            "scores.npy",
                            *data,
                            *(["--pixels"] if pixels else []),
                        ]
                    )
                    compare(folder, f"{name} {kind}", x_test, pixels)


def compare(folder, name, x_test, pixels):
    path = os.path.join(folder, "model.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    json.loads({entry.key: entry.value for entry in model.metadata_props}["classes"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    flat = x_test.reshape(len(x_test), -1)
    if entry.name == "x":
        flat = flat.astype(np.float32) / (255 if x_test.dtype == np.uint8 else 1)
    expected = np.load(os.path.join(folder, "scores.npy"))
    scores, labels = session.run(["scores", "label"], {entry.name: flat})
    worst = np.abs(scores - expected).max()
    different = int((labels != expected.argmax(1)).sum())
    print(f"{name:24} {entry.name:6} scores within {worst:.1e}, {different} other labels")
    assert worst <= TOLERANCE * max(1, np.abs(expected).max()), name
    # Rounding may swap classes with nearly equal scores, but never classes with different votes.
    near = np.sort(expected, 1)
    clear = near[:, -1] - near[:, -2] > 2 * TOLERANCE
    wrong = labels != expected.argmax(1)
    is_vote = any(node.op_type == "TopK" for node in model.graph.node)
    assert not (wrong if is_vote else wrong & clear).any(), name
    if is_vote:
        # ONNX's own evaluator implements fewer operators. Its TopK does not order ties.
        (again,) = ReferenceEvaluator(model).run(["label"], {entry.name: flat})
        assert (again == labels).mean() > 0.8, name
    # The batch dimension is dynamic: a single example gives the same result.
    one = session.run(["label"], {entry.name: flat[:1]})[0]
    assert one.shape == (1,) and one[0] == labels[0], name


main(sys.argv[1])
