"""Ctrl-C, SIGTERM and kill -9 of real trainings: what they say, leave, and how they go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from minicnn import train

from .training import same_arrays

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of Unix")

PART = ("--kernels", "numpy", "--epochs", "4", "--batch-size", "64", "--patience", "50")


def start(folder: Path, *args: str) -> subprocess.Popen:
    def listen() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it

    root = str(Path(__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, "-m", "minicnn", "train", *args], cwd=folder, preexec_fn=listen,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip


def ended(process: subprocess.Popen, code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, (out, err)
    assert "Traceback" not in err
    return out, err


def wait_for(process: subprocess.Popen, beginning: str) -> None:
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"no line {beginning!r}: {process.stderr.read()}")


def assert_same_run(a: Path, b: Path) -> None:
    for name in ("best.safetensors", "last.safetensors"):
        assert same_arrays(load_file(a / name), load_file(b / name))
    rows = [[row[:-1] for row in train.read_csv(folder / "metrics.csv")] for folder in (a, b)]
    assert rows[0] == rows[1] and len(rows[0]) == 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Four epochs without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    ended(start(folder, "--out", "r", *PART))
    return folder / "r"


def test_kill_in_an_epoch_and_resume(whole, tmp_path):
    with start(tmp_path, "--out", "r", "--save-every", "3", *PART) as process:
        wait_for(process, "epoch 2/4")
        time.sleep(0.02)
        process.kill()
        process.wait()
    assert len(train.read_csv(tmp_path / "r" / "metrics.csv")) in (2, 3)
    out, _ = ended(start(tmp_path, "--resume", "r"))
    assert "going on in epoch 3" in out or "going on in epoch 4" in out
    assert_same_run(whole, tmp_path / "r")
    out, _ = ended(start(tmp_path, "--resume", "r"))
    assert out == "r: the run is complete, all 4 epochs are done\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_inside_an_epoch(number, code, whole, tmp_path):
    with start(tmp_path, "--out", "r", *PART) as process:
        wait_for(process, "epoch 1/4")
        process.send_signal(number)
        _, err = ended(process, code)
    assert "minicnn: interrupted " in err and "saved in r" in err
    assert err.endswith("Go on with: minicnn train --resume r\n")
    ended(start(tmp_path, "--resume", "r"))
    assert_same_run(whole, tmp_path / "r")


def test_a_signal_before_the_first_epoch(whole, tmp_path):
    with start(tmp_path, "--out", "r", *PART) as process:
        wait_for(process, "lenet5_small")
        process.send_signal(signal.SIGINT)
        ended(process, 130)
    ended(start(tmp_path, "--resume", "r"))
    assert_same_run(whole, tmp_path / "r")


def test_two_trainings_in_one_folder(tmp_path):
    with start(tmp_path, "--out", "r", "--kernels", "numpy", "--epochs", "5000") as process:
        wait_for(process, "epoch")
        _, err = ended(start(tmp_path, "--resume", "r"), 1)
        assert "minicnn: r: one training at a time may write a run" in err
        process.kill()  # and the lock of a killed one is no hindrance
        process.wait()
    with start(tmp_path, "--resume", "r") as process:
        wait_for(process, "epoch")
        process.send_signal(signal.SIGTERM)
        ended(process, 143)
