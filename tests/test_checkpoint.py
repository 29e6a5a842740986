"""Checkpoints: what is in them, what damaged ones say, and that a loadable one always remains."""

import contextlib
import json
import math
import os
import random as chance
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from minicnn import models, optim, train, use_kernels, weights
from minicnn.train import callbacks
from minicnn.train.checkpoint import load_checkpoint, save_checkpoint

from .training import loaders, same_arrays, trainer


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Nothing to compile."""
    with use_kernels("numpy"):
        yield


def test_any_state_comes_back(tmp_path):
    state = {
        "arrays": [np.arange(6, dtype=np.int64).reshape(2, 3), np.float32([[1], [2]]).T],
        "zero": np.array(3, np.int64),
        "empty": np.zeros((0, 4), np.float32),
        "flags": np.array([True, False]),
        "betas": (0.9, 0.999),
        "by number": {0: {"step": 3, "m": np.float32([1.5])}, 7: {}},
        "odd names": {"$array": 1, "a.b": np.float64([math.pi])},
        "numbers": [1, 0.1 + 0.2, math.inf, None, True, "ü", 2**127 + 1, np.float32(0.1)],
    }
    save_checkpoint(tmp_path / "a.safetensors", state, {"model": "lenet5"})
    back, config = load_checkpoint(tmp_path / "a.safetensors")
    assert config == {"model": "lenet5"}
    _assert_equal(state, back)


def _assert_equal(a, b):
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and np.array_equal(a, b) and a.shape == b.shape
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            _assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _assert_equal(x, y)
    else:
        assert a == b and type(a) in (type(b), np.float32)


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"callbacks\.Mine\.file must be a number.*got object"):
        save_checkpoint(tmp_path / "a.safetensors", {"callbacks": {"Mine": {"file": object()}}})
    assert list(tmp_path.iterdir()) == []


def test_other_programs_read_the_weights(tmp_path):
    one = trainer(callbacks.Checkpoint(tmp_path))
    one.fit(*loaders(), epochs=1)
    last = load_file(tmp_path / "last.safetensors")
    plain = {k.removeprefix("model."): last[k] for k in last if k.startswith("model.")}
    assert same_arrays(plain, one.model.state_dict())
    assert same_arrays(load_file(tmp_path / "best.safetensors"), one.model.state_dict())
    read = weights.load(tmp_path / "last.safetensors", prefix="model.")
    assert same_arrays(read, one.model.state_dict())


def test_every_length_of_the_header_is_read(tmp_path):
    """The lowest byte of the length may be that with which a pickle begins."""
    lowest = set()
    for n in range(0, 280, 8):
        weights.save(tmp_path / "a.safetensors", {"w": np.ones(2)}, {"text": "x" * n})
        lowest.add((tmp_path / "a.safetensors").read_bytes()[0])
        assert weights.load_metadata(tmp_path / "a.safetensors") == {"text": "x" * n}
    assert 0x80 in lowest


# The best


class Scripted(callbacks.Callback):
    """Puts numbers of our choice into the history, and marks the model with the epoch."""

    def __init__(self, rows: list[tuple[float, float]]) -> None:
        self.rows = rows

    def on_epoch_end(self, trainer: train.Trainer) -> None:
        loss, accuracy = self.rows[trainer.epoch - 1]
        row = trainer.history[-1]._replace(val_loss=loss, val_accuracy=accuracy)
        trainer.history[-1] = row
        trainer.model[6].bias.data[...] = trainer.epoch


ROWS = [(0.5, 0.8), (math.nan, 0.9), (0.3, 0.9), (0.2, 0.85), (0.3, 0.9), (0.1, 0.9), (0.05, 0.7)]


@pytest.mark.parametrize(("monitor", "best"), [("val_accuracy", 6), ("val_loss", 7)])
def test_the_best_is_that_of_validation(monitor, best, tmp_path):
    one = trainer(Scripted(ROWS), callbacks.Checkpoint(tmp_path, monitor))
    one.fit(*loaders(), epochs=7)
    assert set(weights.load(tmp_path / "best.safetensors")["6.bias"]) == {best}
    assert set(weights.load(tmp_path / "last.safetensors")["model.6.bias"]) == {7}


def test_early_stopping_restores_the_best():
    rows = [(0.5, 0.5), (0.4, 0.6), (0.395, 0.9), (0.41, 0.9), (0.1, 0.9)]
    for min_delta, patience, epochs, best in ((0.0, 1, 4, 3), (0.01, 2, 4, 2), (0.0, 2, 5, 5)):
        stopping = callbacks.EarlyStopping(patience, min_delta=min_delta)
        one = trainer(Scripted(rows), stopping)
        assert len(one.fit(*loaders(), epochs=5)) == epochs
        assert set(one.model.state_dict()["6.bias"]) == {best}
    with pytest.raises(ValueError, match="there must be a validation set to watch val_loss"):
        trainer(callbacks.EarlyStopping()).fit(loaders()[0])


# Bad files


@pytest.fixture
def saved(tmp_path):
    """The folder of a small training."""
    trainer(callbacks.Checkpoint(tmp_path)).fit(*loaders(), epochs=1)
    return tmp_path


def with_metadata(folder, **changes):
    path = folder / "last.safetensors"
    texts = weights.load_metadata(path) | changes
    weights.save(path, weights.load(path), {k: v for k, v in texts.items() if v is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minicnn_checkpoint": "2"}, "format must be at most 1, got 2; a newer minicnn wrote it"),
        ({"minicnn_checkpoint": "x"}, "must be a checkpoint of a training, got a file of weights"),
        ({"minicnn_checkpoint": None}, "must be a checkpoint of a training"),
        ({"state": "{"}, "whose state cannot be read"),
        ({"state": None}, "whose state cannot be read"),
        ({"state": "[1]"}, "whose state cannot be read"),
        ({"config": "3"}, "whose state cannot be read"),
        ({"state": '{"model": {"$array": "none"}}'}, "whose state cannot be read"),
        ({"state": '{"model": {"$array": [1]}}'}, "whose state cannot be read"),
        ({"state": '{"model": {"$items": 3}}'}, "whose state cannot be read"),
        ({"state": "[" * 100_000}, "whose state cannot be read"),
    ],
)  # fmt: skip
def test_metadata_with_nonsense(saved, changes, message):
    path = with_metadata(saved, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        load_checkpoint(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1])
def test_a_cut_file(saved, cut):
    path = saved / "last.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="must be a whole, undamaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("length", [2**63, 2**40, 2**31, 10])
def test_a_lying_header(saved, length):
    path = saved / "last.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="must be a whole, undamaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("keys", [("model",), ("position",), ("random",), ("sums", "n"),
                                  ("optimizer", "state"), ("position", "epoch")])  # fmt: skip
def test_a_state_that_lacks_something(saved, keys):
    state, _ = load_checkpoint(saved / "last.safetensors")
    inner = state
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    one = trainer(callbacks.Checkpoint(saved))
    if keys == ("sums", "n"):
        one.load_state_dict(state)  # its default is right where an epoch begins
        return
    with pytest.raises(ValueError, match=r"resume: .*must|must have the keys|has the keys"):
        one.load_state_dict(state)


def test_the_weights_of_another_model(saved):
    state, _ = load_checkpoint(saved / "last.safetensors")
    model = models.create("lenet5_small")
    other = train.Trainer(
        model, optim.SGD(model.parameters(), 0.1), callbacks=[callbacks.Checkpoint(saved)]
    )
    with pytest.raises(ValueError, match="the model must be 'Sequential' as in the checkpoint"):
        other.load_state_dict(state)


# Nothing is lost


def test_a_full_disk_leaves_the_checkpoint(tmp_path):
    """In a process that may write 60 kB to a file: the second checkpoint is larger."""
    program = (
        "import resource, sys, numpy as np\n"
        "from minicnn.train.checkpoint import save_checkpoint\n"
        "save_checkpoint('last.safetensors', {'w': np.ones(10)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "try: save_checkpoint('last.safetensors', {'w': np.ones(10_000)})\n"
        "except OSError as error: print(error)\n"
    )
    pytest.importorskip("resource", reason="limits of file sizes are a matter of Unix")
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("last.safetensors: the disk must have room for 8")
    assert "got File too large; what stood there before is as it was" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert load_checkpoint(tmp_path / "last.safetensors")[0]["w"].shape == (10,)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_really_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root's rights")
    try:
        save_checkpoint(disk / "last.safetensors", {"w": np.ones(10_000)})
        with pytest.raises(OSError, match="got No space left on device; what stood there before"):
            save_checkpoint(disk / "last.safetensors", {"w": np.zeros(30_000)})
        assert load_checkpoint(disk / "last.safetensors")[0]["w"].all()
        assert len(list(disk.iterdir())) == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


SAVER = """
import numpy as np
from minicnn.train.checkpoint import save_checkpoint
n = 0
while True:
    n += 1
    save_checkpoint("last.safetensors", {"w": np.full(40_000, n), "n": n})
    if n == 1: print("saved", flush=True)
"""
KILLS = int(os.environ.get("MINICNN_KILLS", "4"))  # 50 for the whole test


def test_a_kill_while_saving(tmp_path):
    """kill -9 at random moments; what stands there loads, and its parts belong together."""
    rng = chance.Random(0)
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", SAVER], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "saved\n"
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
        assert process.returncode == -getattr(signal, "SIGKILL", 1)
        state, _ = load_checkpoint(tmp_path / "last.safetensors")
        assert (state["w"] == state["n"]).all()
    with contextlib.suppress(FileNotFoundError):
        weights.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert json.loads(weights.load_metadata(tmp_path / "last.safetensors")["config"]) == {}
