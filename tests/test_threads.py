"""How many threads there are, and that kernels are right whoever calls them, in which process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn.kernels.threads import physical_cores, usable_cores
from tests import house

pytest.importorskip("numba", reason="the threads are Numba's")

import numba

from minicnn.kernels.numba.compiled import compiled_parallel

LAYERS = ("omp", "tbb", "workqueue")


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    before = minicnn.get_num_threads()
    yield
    minicnn.set_num_threads(before)


@compiled_parallel
def _running_sums(part, parts, x, sums, who):
    """Each part adds up its own range; ``who`` gets the number of the worker."""
    total = np.float32(0)
    for i in range(len(x) * part // parts, len(x) * (part + 1) // parts):
        total += x[i]
    sums[part] = total
    who[part] = numba.get_thread_id()


def running_sums(parts=None):
    """Sums of the parts as bytes, and which workers computed them."""
    parts = parts or minicnn.get_num_threads()
    x = np.random.default_rng(0).standard_normal(100_001).astype(np.float32)
    sums, who = np.zeros(parts, np.float32), np.zeros(parts, np.int64)
    _running_sums(parts, x, sums, who)
    ranges = [slice(len(x) * p // parts, len(x) * (p + 1) // parts) for p in range(parts)]
    np.testing.assert_allclose(sums, [x[r].sum(dtype=np.float64) for r in ranges], rtol=1e-3)
    return sums.tobytes(), set(who)


def python(program: str, **environment: str | None) -> str:
    """What a program prints in a process of its own, which must end well."""
    merged = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program], cwd=house.ROOT, text=True,
        env={k: v for k, v in merged.items() if v is not None}, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# How many


def processors(root: Path, siblings: list[str]) -> None:
    for number, text in enumerate(siblings):
        folder = root / f"sys/devices/system/cpu/cpu{number}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(text + "\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_two_processors_of_one_core_count_once(tmp_path):
    processors(tmp_path, ["0,4", "1,5", "2,6", "3,7"] * 2)
    assert physical_cores(set(range(8)), tmp_path) == 4
    assert physical_cores({0, 4, 1}, tmp_path) == 2  # the affinity mask leaves one and a half
    assert physical_cores({4, 6, 7}, tmp_path) == 3


def test_without_topology_every_processor_is_a_core(tmp_path):
    assert physical_cores({0, 3}, tmp_path) == 2


@pytest.mark.parametrize("group", ["/", "/a/b", "/seen/from/outside"])
def test_a_container_with_control_groups_of_version_2(tmp_path, monkeypatch, group):
    monkeypatch.setattr("minicnn.kernels.threads.allowed_processors", lambda: set(range(8)))
    write(tmp_path / "proc/self/cgroup", f"0::{group}")
    assert usable_cores(tmp_path) == 8
    write(tmp_path / "sys/fs/cgroup/cpu.max", "350000 100000")
    assert usable_cores(tmp_path) == 3
    write(tmp_path / "sys/fs/cgroup/a/b/cpu.max", "max 100000")
    assert usable_cores(tmp_path) == 3
    write(tmp_path / "sys/fs/cgroup/a/cpu.max", "50000 100000")
    assert usable_cores(tmp_path) == (1 if group == "/a/b" else 3)


def test_a_container_with_control_groups_of_version_1(tmp_path, monkeypatch):
    monkeypatch.setattr("minicnn.kernels.threads.allowed_processors", lambda: set(range(8)))
    write(tmp_path / "proc/self/cgroup", "4:memory:/m\n2:cpu,cpuacct:/docker/1f\n0::/")
    for folder, quota in (("cpu", "-1"), ("cpu/docker/1f", "200000")):
        write(tmp_path / f"sys/fs/cgroup/{folder}/cpu.cfs_quota_us", quota)
        write(tmp_path / f"sys/fs/cgroup/{folder}/cpu.cfs_period_us", "100000")
    write(tmp_path / "sys/fs/cgroup/cpu/m/cpu.cfs_quota_us", "1000")  # another's
    write(tmp_path / "sys/fs/cgroup/cpu/m/cpu.cfs_period_us", "100000")
    assert usable_cores(tmp_path) == 2


SHOW = "import minicnn; print(minicnn.get_num_threads())"
UNSET = {"NUMBA_NUM_THREADS": None, "OMP_NUM_THREADS": None}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_processors_outside_the_affinity_mask_do_not_count():
    one = min(os.sched_getaffinity(0))
    assert python(f"import os; os.sched_setaffinity(0, {{{one}}}); {SHOW}", **UNSET) == "1"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3,2"}, 3),
        ({"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "3"}, 1),
        ({"OMP_NUM_THREADS": "many"}, usable_cores()),
        ({"OMP_NUM_THREADS": "0"}, usable_cores()),
        ({}, usable_cores()),
    ],
)
def test_what_the_user_set_is_the_default(variables, expected):
    assert python(SHOW, **UNSET | variables) == str(expected)


def test_the_users_variables_stay_as_they_are():
    program = (
        "import os; before = dict(os.environ); import minicnn.kernels.numba.launch;"
        "minicnn.set_num_threads(1); before.setdefault('OPENBLAS_THREAD_TIMEOUT', '4');"
        "print(before.items() <= os.environ.items())"
    )
    assert python(program, OMP_NUM_THREADS="2", NUMBA_THREADING_LAYER="omp") == "True"


def test_the_number_can_be_set_before_numba_is_there():
    program = (
        "import sys, minicnn; minicnn.set_num_threads(3)\n"
        "assert minicnn.get_num_threads() == 3 and 'numba' not in sys.modules"
    )
    python(program)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_number_below_one(wrong):
    with pytest.raises(ValueError, match=f"set_num_threads: n must be at least 1, got {wrong}"):
        minicnn.set_num_threads(wrong)


@pytest.mark.parametrize("wrong", [1.0, "2", None, True])
def test_no_number(wrong):
    with pytest.raises(TypeError, match="set_num_threads: n must be a whole number, got"):
        minicnn.set_num_threads(wrong)


def test_numbers_of_numpy_are_numbers():
    minicnn.set_num_threads(np.int32(2))
    assert minicnn.get_num_threads() == 2 and type(minicnn.get_num_threads()) is int


# Who computes


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba has one worker only")
def test_as_many_workers_as_threads():
    for number in (1, 2, 1):
        minicnn.set_num_threads(number)
        launches = [running_sums(parts=64)[1] for _ in range(200)]  # who comes late finds nothing
        assert max(len(workers) for workers in launches) == number
        assert numba.get_num_threads() == number


def test_every_part_is_done_once_whoever_does_it():
    @compiled_parallel
    def count(part, parts, done):
        for _ in range(part * 1000):  # the last parts take longest
            done[part] += 1
        done[part] -= part * 1000 - 1

    done = np.zeros((50, 333), np.int64)
    for once in done:
        count(len(once), once)
    assert (done == 1).all()


def test_more_threads_than_cores_give_the_same_bits_each_time():
    minicnn.set_num_threads(64)
    assert len({running_sums()[0] for _ in range(5)}) == 1
    assert len(running_sums()[0]) == 64 * 4


def test_a_python_thread_has_the_number_too():
    minicnn.set_num_threads(1)
    found = []
    thread = threading.Thread(target=lambda: found.append(running_sums(parts=4)[1]))
    thread.start()
    thread.join()
    assert len(found) == 1 and len(found[0]) == 1


CALLERS = """
import multiprocessing, threading
import numpy as np
from tests.test_threads import running_sums

def child(_=0):
    return [running_sums(parts=3)[0] for _ in range(5)]

def same(found):
    assert {bits for bunch in found for bits in bunch} == {bits for bits in child()}, found

if __name__ == "__main__":
    BEFORE
    same([child()])
    for kind, workers in (("fork", 2), ("spawn", 1)):
        with multiprocessing.get_context(kind).Pool(workers) as pool:
            same(pool.map_async(child, range(workers)).get(60))
    found = []
    threads = [threading.Thread(target=lambda: found.append(child())) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(found) == 4
    same(found)
    import numba
    print(numba.threading_layer())
"""


def callers(tmp_path, before="", **environment) -> str:
    """Parent, forked and spawned children and threads compute the same; a spawned child needs the
    program as a file."""
    program = tmp_path / "callers.py"
    program.write_text(CALLERS.replace("BEFORE", before or "pass"))
    run = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    return python(run, PYTHONPATH=str(house.ROOT), **environment)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("layer", LAYERS)
def test_whoever_calls_gets_the_same_bits(tmp_path, layer):
    probe = "import numba, tests.test_threads as t; t.running_sums()"
    # pip puts TBB where the system does not look for libraries.
    where = {"NUMBA_THREADING_LAYER": layer, "LD_LIBRARY_PATH": str(Path(sys.prefix) / "lib")}
    try:
        python(probe, **where)
    except AssertionError as error:
        if "No threading layer could be loaded" not in str(error):
            raise
        pytest.skip(f"{layer} is not installed")
    assert callers(tmp_path, **where) == layer


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_beside_torch(tmp_path):
    pytest.importorskip("torch", reason="the other owner of the cores")
    product = "import torch; torch.ones(500, 500) @ torch.ones(500, 500)"
    callers(tmp_path, product)


STEP = """
import multiprocessing, hashlib
import numpy as np, minicnn
from minicnn import models, ops

minicnn.set_num_threads(2)

def step(_=0):
    minicnn.manual_seed(0)
    net = models.create("resnet20", num_classes=10)
    x = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32)
    ops.cross_entropy(net(minicnn.Tensor(x)), np.arange(4)).backward()
    return hashlib.sha256(b"".join(p.grad.numpy().tobytes() for p in net.parameters())).hexdigest()

if __name__ == "__main__":
    first = step()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map_async(step, range(1)).get(100) == [first]
    assert step() == first
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_training_step_in_a_forked_child_has_its_parents_bits():
    python(STEP)
