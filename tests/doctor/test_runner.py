"""A learner's file in a process of its own: whatever it does, the answer is a clear line."""

import json
import sys
import time
from textwrap import dedent

import pytest

from minicnn.testing.doctor.lookup import find_pair
from minicnn.testing.doctor.runner import diagnose_file

RIGHT = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0)

def relu_backward(gy, x):
    return gy * (x > 0)
"""


@pytest.fixture
def check(tmp_path):
    """Write a file and have it checked."""

    def run(text, op="relu", **settings):
        file = tmp_path / "mine.py"
        file.write_text(dedent(text).strip() + "\n", encoding="utf-8")
        return diagnose_file(file, op, **settings)

    return run


def verdict(diagnosis):
    assert not diagnosis.ok and diagnosis.verdict is not None
    assert diagnosis.verdict.headline in str(diagnosis)
    json.loads(diagnosis.to_json())
    return diagnosis.verdict.bug, diagnosis.verdict.evidence


def test_a_right_file_is_right(check):
    found = check(RIGHT)
    assert found.ok and found.findings == () and found.notes == ()
    assert found.parts == {"forward": "ok", "gx": "ok"}
    assert found.maps and found.maps[0].analytic.shape == found.maps[0].numeric.shape


def test_a_wrong_rule_is_found_and_its_arrays_come_along(check):
    found = check(RIGHT.replace("gy * (x > 0)", "-gy * (x > 0)"))
    assert not found.ok and found.parts == {"forward": "ok", "gx": "WRONG"}
    (gx,) = found.maps
    assert gx.name == "gx" and gx.wrong.any() and (gx.analytic == -gx.numeric)[gx.wrong].all()


def test_one_function_that_returns_its_rule(check):
    assert check("""
        def relu(x):
            return x * (x > 0), lambda gy: gy * (x > 0)
    """).ok


def test_neighbours_can_be_imported_and_the_file_is_not_main(check, tmp_path):
    (tmp_path / "neighbour.py").write_text("ZERO = 0\n", encoding="utf-8")
    text = "from neighbour import ZERO\n" + RIGHT.replace("> 0", "> ZERO")
    assert check(text + "if __name__ == '__main__':\n    1 / 0\n").ok


def test_a_syntax_error_names_the_line(check):
    bug, evidence = verdict(check("def relu_forward(x:\n    return x\n"))
    assert bug == "syntax-error" and "mine.py, line 1: def relu_forward(x:" in evidence


def test_null_bytes(tmp_path):
    (tmp_path / "odd.py").write_bytes(b"x = 1\x00\n")
    assert verdict(diagnose_file(tmp_path / "odd.py", "relu"))[0] == "syntax-error"


@pytest.mark.parametrize(
    "line, said",
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package', line 1"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("input()", "EOFError"),
    ],
)
def test_a_file_that_does_not_load(check, line, said):
    bug, evidence = verdict(check(line))
    assert bug == "does-not-load" and said in evidence


def test_a_missing_function_is_named_with_those_that_are_there(check):
    bug, evidence = verdict(check("def rellu_fwd(x):\n    return x\n\ndef helper():\n    pass\n"))
    assert bug == "function-missing"
    assert "relu_forward and relu_backward" in evidence and "rellu_fwd, helper" in evidence


def test_an_endless_loop_is_ended_and_the_line_is_named(check):
    start = time.monotonic()
    bug, evidence = verdict(check(
        RIGHT.replace("return np.maximum(x, 0)", "while True: x = x + 0"), time_limit=1
    ))  # fmt: skip
    assert bug == "does-not-finish"
    assert evidence == "still running after 1 s, line 4 of mine.py: while True: x = x + 0"
    assert time.monotonic() - start < 60


def test_an_endless_loop_on_import(check):
    bug, evidence = verdict(check("while True:\n    pass\n", time_limit=1))
    assert bug == "does-not-finish" and "of mine.py" in evidence


def test_sleeping_and_a_child_of_its_own_do_not_hold_it_up(check):
    text = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    """
    start = time.monotonic()
    assert verdict(check(text, time_limit=1))[0] == "does-not-finish"
    assert time.monotonic() - start < 60


def test_a_thread_that_goes_on_does_not_hold_it_up(check):
    text = RIGHT + "import threading, time\n"
    text += "threading.Thread(target=lambda: time.sleep(600)).start()\n"
    assert check(text).ok


@pytest.mark.parametrize(
    "line, bug",
    [("sys.exit(0)", "exits"), ("os._exit(0)", "exits"),
     ("ctypes.string_at(0)", "crashes")],
)  # fmt: skip
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ends_of_the_process(check, line, bug):
    text = RIGHT.replace("return np.maximum(x, 0)", line)
    found, evidence = verdict(check("import os, sys, ctypes\n" + text))
    assert found == bug
    assert bug != "crashes" or "line 6 of mine.py" in evidence


def test_exit_on_import(check):
    assert verdict(check("raise SystemExit(1)"))[0] == "exits"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limit on memory")
@pytest.mark.parametrize(
    "line", ["return np.ones(10**12) + x[0]", "a = [x]\n    while True: a = a + a"],
    ids=["array", "list"],
)
def test_too_much_memory(check, line):
    found = check(RIGHT.replace("return np.maximum(x, 0)", line), memory=2**29)
    assert verdict(found)[0] == "out-of-memory"


def test_printed_text_is_no_answer_and_no_fault(check):
    text = """
        import json, os, sys
        print("hello", json.dumps({"ok": False}))
        os.write(1, b"x" * 3_000_000)
        sys.stderr.write("y" * 100)
    """
    found = check(dedent(text) + RIGHT.replace("return gy", "print('in backward'); return gy"))
    assert found.ok
    assert 'the file prints: hello {"ok": false}' in found.notes
    assert any("in backward" in note for note in found.notes)
    assert sum(map(len, found.notes)) < 300


def test_global_state_does_not_reach_the_checks(check):
    text = """
        import numpy as np, sys, warnings
        np.seterr(all="raise")
        sys.setrecursionlimit(200)
        warnings.simplefilter("error")
        print = None
    """
    assert check(dedent(text) + RIGHT).ok


def test_requests_that_are_wrong_themselves(tmp_path, check):
    with pytest.raises(FileNotFoundError, match="must be a Python file, got none"):
        diagnose_file(tmp_path / "none.py", "relu")
    with pytest.raises(FileNotFoundError):
        diagnose_file(tmp_path, "relu")
    with pytest.raises(ValueError, match="rellu"):
        check(RIGHT, op="rellu")
    with pytest.raises(ValueError, match="time_limit must be positive"):
        check(RIGHT, time_limit=0)


def test_lookup():
    def functions(*names):
        return {name: (lambda name=name: name) for name in names}

    def chosen(op, *names):
        pair = find_pair(functions(*names), op)
        return pair and tuple(f and f() for f in pair)

    conv = ("conv_forward_naive", "conv_backward_naive")
    pool = ("max_pool_forward", "max_pool_backward")
    assert chosen("conv2d", *conv, *pool) == conv
    assert chosen("max_pool2d", *conv, *pool) == pool
    assert chosen("linear", *conv, *pool) is None
    assert chosen("linear", "linear_forward", "linear_backward", "forward", "backward") == (
        "linear_forward", "linear_backward",
    )  # fmt: skip
    assert chosen("linear", "linear", "helper") == ("linear", None)
    assert chosen("linear", "forward") == ("forward", None)
