"""`minicnn gradcheck OP FILE` and `minicnn gradcheck MODEL`."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from minicnn.cli import main
from minicnn.tensor import Tensor, record
from minicnn.testing.doctor.ops import OPS

RIGHT = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0)

def relu_backward(gy, x):
    return gy * (x > 0)
"""
WRONG = RIGHT.replace("return gy", "return -gy")


def run(*args, code=0):
    result = CliRunner().invoke(main, ["gradcheck", *map(str, args)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_right_file(file):
    assert run("relu", file(RIGHT)).stdout == "relu: forward ok, gx ok\n"


def test_a_wrong_file_in_three_lines_and_a_picture(file, tmp_path):
    picture = tmp_path / "heat.png"
    out = run("relu", file(WRONG), "--picture", picture, code=1).stdout.splitlines()
    assert out[0] == "relu: forward ok, gx WRONG"
    assert out[1].startswith("  gx: ") and out[3].startswith("    see lesson ")
    assert out[-1] == f"picture: {picture}" and "hint" not in "".join(out)
    with Image.open(picture) as image:
        assert image.format == "PNG"


def test_hints_are_graded(file):
    path = file("def relu_forward(x:\n")
    assert "hint" not in run("relu", path, code=1).stdout
    assert run("relu", path, "--hints", 1, code=1).stdout.count("  hint ") == 1
    assert run("relu", path, "--explain", code=1).stdout.count("  hint ") == 3


def test_json_is_all_that_is_printed(file, tmp_path):
    result = run("relu", file(WRONG), "--json", "--picture", tmp_path / "a.png", code=1)
    data = json.loads(result.stdout)
    assert data["ok"] is False and data["parts"] == {"forward": "ok", "gx": "WRONG"}
    assert {"bug", "headline", "evidence", "pointer"} <= set(data["findings"][0])
    assert json.loads(run("relu", file(RIGHT), "--json", "--dtype", "float32").stdout)["ok"]


def test_an_endless_loop(file):
    text = RIGHT.replace("return np", "while True: pass\n    return np")
    out = run("relu", file(text), "--time-limit", 1, "--picture", "none.png", code=1)
    assert "still running after 1 s, line 5 of mine.py: while True: pass" in out.stdout
    assert "no picture" in out.stderr


def test_a_file_is_meant_where_one_is_given(tmp_path, file):
    mine = file(RIGHT)
    mine.rename(tmp_path / "solution")
    assert "relu: forward ok" in run("relu", tmp_path / "solution").stdout


@pytest.mark.parametrize(
    "args, said",
    [
        (("rellu", "mine.py"), "gradcheck: no op is called 'rellu'; did you mean relu"),
        (("relu", "none.py"), "none.py must be a Python file, got none"),
        (("relu", "mine.py", "--picture", "a.txt"), "the picture must end in .png, got a.txt"),
        (("resnt18",), "no op is called 'resnt18'; did you mean resnet18"),
        (("qqqq",), "no op is called 'qqqq'; `minicnn gradcheck --list` lists all"),
        (("lenet5", "--input", "1,5,5"), "got"),
    ],
)
def test_usage(args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    result = run(*args, code=1)
    assert said in result.stderr and result.stdout == "" and result.stderr.count("\n") <= 2


def test_the_list_names_all_ops():
    out = run("--list").stdout
    assert all(any(line.split()[:1] == [name] for line in out.splitlines()) for name in OPS)
    assert "x (N C H W), weight (O C kh kw), bias (O)" in out and "stride, padding" in out


# Networks


def test_a_model_is_narrowed_and_right():
    out = run("lenet5_small").stdout.splitlines()
    assert out[0] == "narrowed: in_channels 1, num_classes 5; input 3x1x8x8"
    assert out[1].startswith("lenet5_small: ") and out[1].endswith(" blocks checked, all right")


@pytest.fixture
def wrong_relu(monkeypatch):
    """A layer whose rule has the wrong sign."""
    from minicnn.nn import ReLU

    def forward(self, x):
        y = x.data * 2.0
        return record("planted", y, (x,), lambda gy: Tensor(gy.data * -2.0))

    monkeypatch.setattr(ReLU, "forward", forward)


def test_the_first_layer_at_fault_is_named(wrong_relu):
    out = run("lenet5_small", code=1).stdout
    assert "act1 ReLU\n" in out and "first layer at fault: act1 ReLU; " in out
    assert "were not looked at (--all)" in out and "act3" not in out


def test_a_model_as_json(wrong_relu):
    data = json.loads(run("lenet5_small", "--json", "--all", code=1).stdout)
    wrong = [layer for layer in data["layers"] if not layer["ok"]]
    assert data["ok"] is False
    assert [layer["path"] for layer in wrong] == ["act1", "act3", "act5", "act6", ""]
    assert wrong[0]["diagnosis"]["findings"][0]["bug"] == "ratio:-1"
