"""The house rules that a program can check: who imports whom, and how long things are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

BASE = {"kernels", "autograd", "random"}
CORE = BASE | {"modes", "inplace", "rules", "tensor"}
# Each part of the package and what it may import; a part may always import itself.
MAY_IMPORT = {
    "kernels": set(),
    "autograd": set(),
    "random": set(),
    "download": set(),
    "pickles": set(),
    "data": {"download", "kernels", "pickles"},
    "weights": {"pickles"},
    "modes": {"kernels"},
    "inplace": {"kernels", "autograd"},
    "rules": {"kernels", "autograd", "inplace"},
    "tensor": BASE | {"modes", "inplace", "rules"},
    "ops": CORE,
    "optim": CORE,
    "nn": CORE | {"ops"},
    "models": CORE | {"ops", "nn", "weights", "download", "data"},
    "train": CORE | {"ops", "nn", "optim", "data", "weights", "viz"},
    "testing": CORE | {"ops", "nn", "optim", "data"},
    "summary": CORE | {"ops", "nn"},
    "folding": CORE | {"ops", "nn", "summary"},
    "learn": CORE | {"ops", "nn", "optim", "testing", "train"},
    "viz": CORE | {"ops", "nn", "optim", "data", "summary"},
}
ANYTHING = {"cli", "__init__", "__main__"}
FILES = house.sources()


def name_of(path: Path) -> str:
    return path.relative_to(house.ROOT).as_posix()


@pytest.mark.parametrize("path", [p for p in FILES if p.is_relative_to(house.PACKAGE)], ids=name_of)
def test_imports_point_down(path):
    room = house.room(path)
    if room not in ANYTHING:
        allowed = MAY_IMPORT[room] | {room}
        assert house.imported_rooms(path) <= allowed, f"{room} may import {sorted(allowed)} only"


def test_the_rules_have_no_cycle():
    for room, below in MAY_IMPORT.items():
        for other in below:
            assert room not in MAY_IMPORT[other], f"{room} and {other} import each other"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_lengths(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "one idea per file"
    long = [(name, n) for name, n in house.functions(path) if n > 30]
    assert not long, f"functions of more than 30 lines: {long}"


def test_the_core_keeps_its_budget():
    paths = [p for name in house.CORE for p in (house.PACKAGE / name).rglob("*.py")] + [
        house.PACKAGE / f"{name}.py" for name in house.CORE if "/" not in name
    ]
    total = sum(len(house.code_lines(p)) for p in paths if p.exists())
    assert 500 < total <= house.CORE_BUDGET


def test_import_needs_numpy_alone():
    """`import minicnn` loads none of the heavy packages, and works where they are missing."""
    program = (
        "import sys\n"
        "blocked = 'numba cupy matplotlib PIL rich click requests filelock scipy'.split()\n"
        "blocked += ['safetensors', 'platformdirs']\n"
        "for name in blocked: sys.modules[name] = None\n"
        "import minicnn\n"
        "x = minicnn.Tensor([1.0, 2.0], requires_grad=True)\n"
        "(x * x).sum().backward()\n"
        "assert x.grad.tolist() == [2.0, 4.0]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=house.ROOT)
