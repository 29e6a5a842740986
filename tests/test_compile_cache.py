"""Machine code is kept on disk, is never stale, and a disk that fails is no error."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

pytest.importorskip("numba", reason="without Numba there is no machine code")

from minicnn.kernels.numba import cache

KERNEL = """
from .compiled import compiled, compiled_parallel
from .part import SUMMAND

@compiled
def plus(x):
    return x + SUMMAND

@compiled_parallel
def plus_all(part, parts, x):
    x[part] += SUMMAND

def times(number):
    @compiled_parallel
    def product(part, parts, x):  # long, so that it is called and not put in its caller's place
        for i in range(len(x)):
            x[i] = abs(x[i])
        for i in range(len(x)):
            x[i] = max(x[i], x[-i])
        for i in range(len(x)):
            x[i] += x[i] // 1000
        for i in range(len(x)):
            x[i] *= number

    return product
"""
PROGRAM = """
import sys
import numpy as np
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    from minicnn.kernels.numba import sample
    x = np.zeros(2, np.TYPE)
    sample.plus_all(2, x)
    print(sample.plus(1.0), x.tolist(), len({e.data["dispatcher"].__name__ for _, e in
                                             compiled.buffer if e.is_end}))
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the kernels with a kernel `sample` that contains a number of another file."""
    root = tmp_path / "minicnn"
    root.mkdir()
    (root / "__init__.py").touch()
    ours = house.PACKAGE / "kernels"
    (root / "kernels/numba").mkdir(parents=True)
    for name in ("__init__.py", "numba/__init__.py"):
        (root / "kernels" / name).touch()
    shutil.copy(ours / "threads.py", root / "kernels")
    for name in ("cache.py", "launch.py", "compiled.py", "parallel.py"):
        shutil.copy(ours / "numba" / name, root / "kernels/numba")
    shutil.copytree(
        ours / "numba/micro", root / "kernels/numba/micro",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (root / "kernels/numba/sample.py").write_text(KERNEL)
    (root / "kernels/numba/part.py").write_text("from .number import SUMMAND\n")
    (root / "kernels/numba/number.py").write_text("SUMMAND = 1\n")
    return root


def environment(package: Path, cache_dir: object) -> dict[str, str]:
    base = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    return base | {
        "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(package.parent / "home"), "XDG_CACHE_HOME": str(package.parent / "home"),
        "NUMBA_CACHE_DIR": str(cache_dir), "NUMBA_THREADING_LAYER": "workqueue",
    }  # fmt: skip


def start(package: Path, cache_dir: object = "", dtype: str = "float32") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM.replace("TYPE", dtype)], text=True,
        cwd=package.parent, env=environment(package, cache_dir),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out.strip()


def run(package: Path, cache_dir: object = "", dtype: str = "float32") -> str:
    """What `sample` computes in a new process, and how many of its two kernels it compiled."""
    return finish(start(package, cache_dir, dtype))


def files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.nbc"))


def test_the_second_process_compiles_nothing(package):
    assert run(package) == "2.0 [1.0, 1.0] 2"
    assert [path.name.split(".cpython")[0] for path in files(package)] == [
        "sample.plus.plain", "sample.plus_all.parallel"
    ]  # fmt: skip
    assert run(package) == "2.0 [1.0, 1.0] 0"


def test_code_of_two_processes_does_not_mix(package):
    program = (
        "import numpy as np; from minicnn.kernels.numba.sample import times; x = np.ones(1)\n"
        "for number in {0}: times(number)(1, x)\n"
        "print(x[0])"
    )
    for numbers, found in (((2,), "2.0"), ((3,), "3.0"), ((2, 3, 3), "18.0")):
        done = subprocess.run(
            [sys.executable, "-c", program.format(numbers)], text=True, check=True,
            cwd=package.parent, env=environment(package, ""), stdout=subprocess.PIPE,
        )  # fmt: skip
        assert done.stdout.strip() == found


def test_a_change_in_an_imported_file_compiles_anew_and_removes_the_old_code(package):
    run(package)
    old = files(package)
    (package / "kernels/numba/number.py").write_text("SUMMAND = 2\n")
    assert run(package) == "3.0 [2.0, 2.0] 2"
    assert len(files(package)) == len(old) and not set(files(package)) & set(old)
    assert run(package) == "3.0 [2.0, 2.0] 0"


def test_a_change_in_a_file_that_is_not_imported_changes_nothing(package):
    run(package)
    (package / "kernels/numba/another.py").write_text("SUMMAND = 7\n")
    assert run(package) == "2.0 [1.0, 1.0] 0"


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other"])
def test_a_damaged_file_is_compiled_again(package, damage):
    run(package)
    plain, parallel = files(package)
    content = plain.read_bytes()
    middle = len(content) // 2
    plain.write_bytes({
        "empty": b"",
        "cut": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "other": parallel.read_bytes(),
    }[damage])  # fmt: skip
    assert run(package) == "2.0 [1.0, 1.0] 1"
    assert run(package) == "2.0 [1.0, 1.0] 0"


def test_a_folder_of_the_users(package, tmp_path):
    assert run(package, tmp_path / "mine") == "2.0 [1.0, 1.0] 2"
    assert not files(package) and len(list((tmp_path / "mine").rglob("*.nbc"))) == 2
    assert run(package, tmp_path / "mine") == "2.0 [1.0, 1.0] 0"


def blocked(package: Path) -> None:
    """A file in each place where a folder would have to be: not even root can write there."""
    for place in ("minicnn/kernels/numba/__pycache__", "home"):
        (package.parent / place).touch()


def test_without_any_writable_folder_every_process_compiles(package, tmp_path):
    blocked(package)
    assert run(package) == "2.0 [1.0, 1.0] 2"
    assert run(package, tmp_path / "home") == "2.0 [1.0, 1.0] 2"
    assert run(package, "/proc/nothing") == "2.0 [1.0, 1.0] 2"


def test_a_package_that_cannot_be_written_uses_the_users_folder(package):
    (package / "kernels/numba/__pycache__").touch()
    assert run(package) == "2.0 [1.0, 1.0] 2"
    assert len(list((package.parent / "home").rglob("*.nbc"))) == 2
    assert run(package) == "2.0 [1.0, 1.0] 0"


def test_a_folder_that_vanishes_or_fills_up_later(package):
    """Writing fails after the folder was found good: /dev/full is a disk without room."""
    program = (
        "from pathlib import Path\n"
        "from minicnn.kernels.numba import sample\n"
        "def full(self, data): Path('/dev/full').open('wb', 0).write(data)\n"
        "Path.write_bytes = full\n"
        "assert sample.plus(1.0) == 2.0\n"
    )
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    subprocess.run(
        [sys.executable, "-c", program], cwd=package.parent, env=environment(package, ""),
        check=True, timeout=100,
    )  # fmt: skip
    assert not files(package)


def test_processes_that_start_together_keep_each_others_code(package):
    """Also for different types of arguments, whose code has the same function's name."""
    types = ("float32", "float64", "float32", "float64")
    processes = [start(package, dtype=dtype) for dtype in types]
    assert {finish(process).rsplit(" ", 1)[0] for process in processes} == {"2.0 [1.0, 1.0]"}
    assert len(files(package)) == 3  # plus, and plus_all for two types
    for dtype in types[:2]:
        assert run(package, dtype=dtype) == "2.0 [1.0, 1.0] 0"


def test_without_compiler(package):
    program = (
        "import numpy as np\n"
        "from minicnn.kernels.numba import sample\n"
        "x = np.zeros(3); sample.plus_all(3, x)\n"
        "assert x.tolist() == [1, 1, 1] and sample.plus(1) == 2\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=package.parent, check=True, timeout=100,
        env=environment(package, "") | {"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert not files(package)


def parsed_imports(path: Path) -> set[Path]:
    """The files of minicnn that the parsed file imports from, at module level."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            folder = path.parents[node.level - 1]
        elif parts[0] == "minicnn":
            folder = house.ROOT
        else:
            continue
        for alias in node.names:
            for target in (folder.joinpath(*parts, alias.name), folder.joinpath(*parts)):
                file = target / "__init__.py" if target.is_dir() else target.with_suffix(".py")
                if file.is_file():
                    found.add(file)
                    break
    return found


KERNEL_FILES = sorted((house.PACKAGE / "kernels").rglob("*.py"))


@pytest.mark.parametrize(
    "path", KERNEL_FILES, ids=lambda p: p.relative_to(house.PACKAGE).as_posix()
)
def test_the_sources_are_all_that_is_imported(path):
    sources = cache.sources(path)
    assert path in sources
    for source in sources:
        assert parsed_imports(source) <= sources
