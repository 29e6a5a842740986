"""Every example runs, in its fast mode, as a learner starts it; and it says what it found."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT, functions

DATA = Path(os.environ.get("MINICNN_DATA", "no data"))
# What the output must match; the first number is a percentage of right answers.
EXAMPLES = {
    "mnist_cnn.py": r"([\d.]+)% of 360 test images",
    "fashion_mnist.py": r"([\d.]+)% of 360 test images\n( +\d+ times . was taken for .\n){3}",
    "imbalanced_binary.py": r"nothing .*\nclass weights .*\nfocal loss .*\nbalanced sampling ",
    "multilabel_shapes.py": r"thresholds of their own: all six right in ([\d.]+)%",
    "transfer_mnist_to_digits.py": r"\n +30 +([\d.]+)% ± 0.0% +([\d.]+)% ± 0.0%\n",
    "hog_linear.py": r"300 images, HOG .* ([\d.]+)% right\n +300 images, small CNN .*% right\n",
    "flowers_transfer.py": r"MobileNet, frozen +([\d.]+)% .*\nCNN from scratch +([\d.]+)% ",
}
NEEDS = {
    "transfer_mnist_to_digits.py": "mnist/train-images-idx3-ubyte.gz",
    "flowers_transfer.py": "flowers5",
}
BETTER_THAN = {"mnist_cnn.py": 80, "fashion_mnist.py": 60, "transfer_mnist_to_digits.py": 50,
               "hog_linear.py": 50}  # fmt: skip

# One thread: where several tests run at a time, threads would mostly wait for each other.
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NUMBA_NUM_THREADS": "1"}


def run(name: str, folder: Path, **environment: str) -> str:
    """What an example prints, started in an empty folder."""
    program = [sys.executable, "-W", "error", str(ROOT / "examples" / name)]
    program += [] if name == "first_net.py" else ["--fast"]
    result = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=600,
        env=os.environ | ENVIRONMENT | environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    if name == "hog_linear.py" and importlib.util.find_spec("skimage") is None:
        pytest.skip("hog_linear.py needs scikit-image: pip install -e '.[hog]'")
    needed = DATA / NEEDS.get(name, "")
    if name in NEEDS and not needed.exists():
        pytest.skip(f"{name} needs {NEEDS[name]} in the folder that MINICNN_DATA names")
    output = run(name, tmp_path)
    found = re.search(EXAMPLES[name], output)
    assert found, output
    assert float((found.groups() or ("0",))[0] or 0) >= BETTER_THAN.get(name, 0)


def test_the_first_net(tmp_path):
    accuracy = re.findall(r"test accuracy ([\d.]+)%", run("first_net.py", tmp_path))[-1]
    assert float(accuracy) > 95


def test_a_broken_off_training_goes_on(tmp_path):
    """A second start finds all epochs done, and measures the same weights."""
    first, second = (run("cifar10_resnet20.py", tmp_path).splitlines() for _ in range(2))
    assert re.fullmatch(r"[\d.]+% of 256 test images", first[-1])
    assert second[0].endswith("going on after step 8")
    assert second[1:] == first[-1:]


def test_without_photos_it_says_so(tmp_path):
    output = run("flowers_transfer.py", tmp_path, MINICNN_DATA=str(tmp_path))
    assert output.startswith("skipped: this example needs ")


def test_every_example_is_here():
    """learn_shapes.py is in test_zoo_learns.py."""
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {*EXAMPLES, "cifar10_resnet20.py", "first_net.py", "learn_shapes.py"}


def test_hog_and_cnn_have_as_many_lines():
    lines = dict(functions(ROOT / "examples" / "hog_linear.py"))
    assert lines["hog_linear"] == lines["small_cnn"] <= 10


def test_without_its_packages_hog_says_so(tmp_path):
    (tmp_path / "skimage.py").write_text("raise ImportError\n", encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    output = run("hog_linear.py", tmp_path, PYTHONPATH=paths)
    assert output.startswith("skipped: this example needs scikit-image ")
