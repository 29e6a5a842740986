"""`minicnn info` and `warmup`: what is said about the machine, and what is compiled."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click.testing
import pytest

import minicnn
from minicnn import cli
from minicnn.cli import main, slow, system
from tests import house

pytest.importorskip("numba", reason="both speak of compiled kernels")


def run(*args: str, code: int = 0) -> click.testing.Result:
    result = click.testing.CliRunner().invoke(main, args)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def process(*args: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *args], cwd=house.ROOT, env={**os.environ, **environment}, text=True,
        capture_output=True, timeout=300,
    )  # fmt: skip


def rows(text: str) -> dict[str, str]:
    """The table as a dict."""
    pairs = [line.split("   ", 1) for line in text.splitlines() if "   " in line]
    return {key: value.strip() for key, value in pairs}


@pytest.fixture
def quiet(monkeypatch):
    """None of the variables that make a set-up slow, and nobody else on the machine."""
    for name in ("NUMBA_DISABLE_JIT", "OMP_WAIT_POLICY", "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(slow, "_load", lambda: 0.0)
    monkeypatch.setattr(slow, "get_num_threads", lambda: 1)


def test_info_shows_threads_and_kernels():
    table = rows(run("info").stdout)
    assert table["threads"].split()[0] == str(minicnn.get_num_threads())
    assert table["threading layer"] in ("omp", "tbb", "workqueue")
    assert table["processors"].endswith(f"{os.cpu_count()} in all")
    assert Path(table["compiled kernels"]).is_dir()
    assert "float32 numbers" in table["vector registers"]


def test_info_shows_what_the_user_set(monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    done = process("-m", "minicnn", "info", OMP_NUM_THREADS="3", NUMBA_THREADING_LAYER="workqueue")
    table = rows(done.stdout)
    assert table["threads"] == "3 (OMP_NUM_THREADS=3)"
    assert table["threading layer"] == "workqueue"
    assert "slow: the threading layer workqueue" in done.stderr


def test_info_shows_openblas_as_threadpoolctl_does():
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="the independent view")
    libraries = [x for x in threadpoolctl.threadpool_info() if "numpy.libs" in x["filepath"]]
    if not libraries:
        pytest.skip("this NumPy has no OpenBLAS of its own")
    (blas,) = libraries
    expected = f"kernels for {blas['architecture']}, {blas['num_threads']} threads"
    assert rows(run("info").stdout)["BLAS"].endswith(expected)


def test_info_without_numba():
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'numba' else find(name, *rest)\n"
        "from minicnn.cli import main; main(sys.argv[1:])"
    )
    done = process("-c", program, "info")
    assert done.returncode == 0 and "numpy (numba is not installed)" in done.stdout
    assert "slow: numba is not installed" in done.stderr
    done = process("-c", program, "warmup")
    assert done.returncode == 1 and "pip install numba" in done.stderr


def test_a_good_set_up_gets_no_warning(quiet):
    assert not list(slow.warnings("omp", 32))


@pytest.mark.parametrize(
    ("variable", "value", "bytes_", "text"),
    [
        ("NUMBA_DISABLE_JIT", "1", 32, "kernels run as Python"),
        ("OMP_WAIT_POLICY", "PASSIVE", 32, "OMP_WAIT_POLICY=PASSIVE lets threads sleep"),
        ("OPENBLAS_CORETYPE", "Haswell", 64, "OPENBLAS_CORETYPE=Haswell gives"),
        ("OPENBLAS_CORETYPE", "Nehalem", 32, "OPENBLAS_CORETYPE=Nehalem gives"),
        ("OPENBLAS_CORETYPE", "Zen", 32, None),
        ("OPENBLAS_CORETYPE", "ARMV8", 16, None),
        ("NUMBA_DISABLE_JIT", "0", 32, None),
        ("OMP_WAIT_POLICY", "active", 32, None),
    ],
)
def test_variables_that_make_it_slow(quiet, monkeypatch, variable, value, bytes_, text):
    monkeypatch.setenv(variable, value)
    found = list(slow.warnings("omp", bytes_))
    assert len(found) == (text is not None)
    assert text is None or (text in found[0] and "unset it" in found[0])


def test_a_crowded_machine(quiet, monkeypatch):
    monkeypatch.setattr(slow, "get_num_threads", lambda: 100)
    monkeypatch.setattr(slow, "usable_cores", lambda: 4)
    assert list(slow.warnings("tbb", 32)) == [
        "100 threads share 4 cores and wait for each other; use 4"
    ]
    monkeypatch.setattr(slow, "get_num_threads", lambda: 4)
    monkeypatch.setattr(slow, "_load", lambda: 1000.0)
    (text,) = slow.warnings("tbb", 32)
    assert text.startswith("other programs keep the processors busy (load 1000.0 of")


def test_warmup_says_what_it_did(monkeypatch, tmp_path):
    """With one of its tasks, in a new folder; the second time there is nothing to do."""
    program = (
        "import sys; from minicnn.cli import main, system\n"
        "every = system.tasks\n"
        "system.tasks = lambda dtype: [t for t in every(dtype) if t[0] == 'max_pool2d']\n"
        "main(['warmup'])"
    )
    first, second = (process("-c", program, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    files = list(tmp_path.rglob(f"*.{sys.implementation.cache_tag}.*.nbc"))
    assert f"kernels: {len(files)} compiled, 0 were there" in first.stdout and files
    assert "kernels: nothing to compile" in second.stdout and str(tmp_path) in second.stdout


def test_warmup_in_double_precision_too(monkeypatch):
    asked = []
    monkeypatch.setattr(system, "tasks", lambda dtype: asked.append(dtype) or [])
    run("warmup")
    run("warmup", "--float64")
    assert asked == ["float32", "float32", "float64"]


def test_warmup_without_a_folder(tmp_path):
    (tmp_path / "file").touch()
    program = (
        "from pathlib import Path\n"
        "import numba.core.caching as c\n"
        "c.CompileResultCacheImpl._locator_classes = [c.UserProvidedCacheLocator]\n"
        "from minicnn.cli import main; main(['warmup'])"
    )
    done = process("-c", program, NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "there must be a folder to keep the machine code in" in done.stderr


STEPS = """
import numpy as np
import minicnn
from minicnn import models, ops, optim, no_grad
from minicnn.cli.warmup import tasks
from minicnn.kernels.numba import cache

def step(name, batch):
    net = models.create(name, num_classes=10)
    rule = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = np.random.default_rng(0).standard_normal((batch, 3, 32, 32)).astype("float32")
    ops.cross_entropy(net(minicnn.Tensor(x)), np.arange(batch) % 10).backward()
    rule.step()

for name, function in tasks("float32"):
    function()
before = dict(cache.counts)
assert sum(before.values()) > 5
step("resnet20", 128)
step("mobilenet_v2_cifar", 64)
net = models.create("resnet34")
net.eval()
with no_grad():
    net(minicnn.Tensor(np.ones((1, 3, 224, 224), "float32")))
assert dict(cache.counts) == before, (before, cache.counts)
"""


def test_after_warmup_nothing_is_left_to_compile():
    """Nor to load: so a folder that holds more than the warm-up makes cannot hide a gap."""
    done = process("-c", STEPS)
    assert done.returncode == 0, done.stderr


def test_every_command_is_found_in_its_file():
    """The table of files and what the files hold."""
    folder = Path(cli.__file__).parent
    held = {
        command.name: path.stem
        for path in folder.glob("[a-z]*.py")
        for command in getattr(import_module(f"minicnn.cli.{path.stem}"), "COMMANDS", ())
    }
    assert held == cli._FILES
    assert {name: main.get_command(None, name).name for name in held} == {n: n for n in held}
