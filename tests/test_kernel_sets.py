"""Choosing kernels: `use_kernels`, `override`, and life without Numba or its cache."""

import os
import shutil
import subprocess
import sys
import threading
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, grad, ops, override, use_kernels
from minicnn.kernels import current_kernels, kernel_set, kernels_for

ROOT = Path(minicnn.__file__).parents[1]
HERE = Path(__file__).parent
reference = kernel_set("numpy")
overlay = pytest.importorskip(
    "minicnn.kernels.numba", reason="the overlay needs numba: pip install numba"
)


def inner(function):
    """Run the test in a context of its own, so that no choice of kernels outlives it."""

    def test():
        copy_context().run(function)

    test.__name__ = function.__name__
    return test


def on(x=None):
    return kernels_for(np.zeros(1) if x is None else x)


@inner
def test_use_kernels_as_function_and_as_block():
    assert current_kernels() == "numba" and on().im2col is overlay.im2col
    use_kernels("numpy")
    assert current_kernels() == "numpy" and on().im2col is reference.im2col
    with use_kernels("numba"):
        assert on().im2col is overlay.im2col and on().log is reference.log
        with use_kernels("numpy"):
            assert on().im2col is reference.im2col
        assert current_kernels() == "numba"
    assert current_kernels() == "numpy"


@inner
def test_the_choice_ends_with_the_block_even_after_an_error():
    with pytest.raises(KeyError), use_kernels("numpy"), override(relu=np.sign):
        raise KeyError
    assert current_kernels() == "numba" and on().relu is overlay.relu


@inner
def test_the_choice_belongs_to_the_thread():
    seen = {}

    def look():
        seen["before"] = (current_kernels(), on().relu is overlay.relu)
        use_kernels("numpy")

    with override(relu=np.sign):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert seen == {"before": ("numba", True)}
        assert current_kernels() == "numba" and on().relu is np.sign


@inner
def test_override_lies_over_every_set_and_the_latest_wins():
    with override(relu=np.sign, exp=np.cos), use_kernels("numpy"):
        with override(relu=np.abs):
            assert (on().relu, on().exp) == (np.abs, np.cos)
        assert on().relu is np.sign and ops.relu(Tensor([-3.0])).item() == -1


@inner
def test_conv2d_uses_an_overridden_im2col():
    calls = []

    def counting(x, *how):
        calls.append(x.shape)
        return 2 * reference.im2col(x, *how)

    x, w = Tensor(np.ones((1, 2, 3, 3)), requires_grad=True), Tensor(np.ones((1, 2, 2, 2)))
    for kernels in ("numpy", "numba"):
        with use_kernels(kernels), override(im2col=counting):
            y = ops.conv2d(x, w)
        assert np.all(y.data == 16) and np.all(ops.conv2d(x, w).data == 8)
    assert calls == [(1, 2, 3, 3)] * 2
    assert grad(y.sum(), x)[0].data[0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_unknown_names_are_refused_with_near_ones():
    with pytest.raises(ValueError, match="override: no kernel is called 'im2cool'; near: im2col"):
        override(im2cool=np.abs)
    with pytest.raises(ValueError, match="kernel is called 'xyz'; near: adagrad_step, adam_step"):
        override(xyz=np.abs)
    with pytest.raises(ValueError, match='the set must be "numba" or "numpy", got \'cuda\''):
        use_kernels("cuda")


# Other surroundings, each in a process of its own


def run(code, folder=ROOT, **environment):
    paths = os.pathsep.join(map(str, (folder, HERE)))
    result = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True, text=True, encoding="utf-8", timeout=300, cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


HIDE = {
    "a block in sys.modules": "import sys; sys.modules['numba'] = None",
    "no finder knows it": """
import sys
class Without:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *rest):
        return None if name.split(".")[0] == "numba" else self.finder.find_spec(name, *rest)
sys.meta_path = [Without(finder) for finder in sys.meta_path]
""",
}


@pytest.mark.parametrize("hide", HIDE.values(), ids=HIDE)
def test_without_numba_the_reference_computes(hide):
    code = """
import numpy as np, minicnn
from minicnn import kernels, ops
x = minicnn.Tensor(np.ones((1, 2, 4, 4)), requires_grad=True)
ops.max_pool2d(ops.conv2d(x, np.ones((3, 2, 3, 3))), 2).sum().backward()
print(kernels.current_kernels(), x.grad.data.sum(), kernels.kernels_for(x.data).im2col.__module__)
try:
    minicnn.use_kernels("numba")
except RuntimeError as error:
    print(error)
"""
    answer = run(hide + code).split("\n")
    assert answer[0] == "numpy 54.0 minicnn.kernels.reference.conv"
    assert answer[1] == "use_kernels: numba is not installed; run `pip install numba`"


def test_the_loops_also_run_uncompiled():
    code = """
import test_kernels
test_kernels.check_against_reference(2)
print(hasattr(test_kernels.overlay.columns._copy_windows, "signatures"))
"""
    assert run(code, NUMBA_DISABLE_JIT="1").strip() == "False"


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path):
    package = tmp_path / "minicnn"
    shutil.copytree(
        Path(minicnn.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    blocked = package / "kernels" / "numba" / "__pycache__"
    blocked.write_text("a file where the folder would be", encoding="utf-8")
    code = """
import numba, numpy as np
from minicnn.kernels.numba import columns
assert columns.__file__.startswith(FOLDER)
print(columns.im2col(np.ones((1, 2, 3, 3)), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)).sum())
try:
    numba.njit(cache=True)(columns._copy_windows.py_func)
except RuntimeError:
    print("nowhere to write")
"""
    homes = dict.fromkeys(
        ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "NUMBA_CACHE_DIR"), str(blocked)
    )
    answer = run(code.replace("FOLDER", repr(str(tmp_path))), tmp_path, **homes).split("\n")
    assert float(answer[0]) == 32
    if not answer[1]:
        pytest.skip("Numba found another folder for its cache, so this proves nothing here")
