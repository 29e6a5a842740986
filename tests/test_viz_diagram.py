"""Pictures of architectures: what they say is true, and nothing lies on top of anything else."""

import re
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from minicnn import Tensor, models, nn, ops
from minicnn.cli import main
from minicnn.viz import draw_model

NETS = ["lenet5", "resnet50", "googlenet", "inception_v3", "densenet121", "squeezenet1_1",
        "mobilenet_v3_small", "efficientnet_b0", "vit_b_16", "vgg11_bn", "resnet20"]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def build(name: str) -> nn.Module:
    with nn.init.skip():
        return models.create(name)


@cache
def drawn(name: str) -> ElementTree.Element:
    return draw(build(name), models.input_shape(name))


def draw(net: nn.Module, shape=(3, 16, 16), **options) -> ElementTree.Element:
    return ElementTree.fromstring(draw_model(net, shape, **options))


def texts(svg) -> list[str]:
    return [x.text for x in svg.iter(f"{SVG}text")]


def tip(g) -> str:
    return g.find(f"{SVG}title").text


def parameters(g) -> int:
    return int(re.search(r"([\d,]+) parameters$", tip(g))[1].replace(",", ""))


def groups(element) -> list:
    return element.findall(f"{SVG}g")


def rect(g) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    x, y, w, h = (float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height"))
    return x, y, x + w, y + h


def find(svg, ending: str):
    """The one box whose tooltip starts with a path."""
    (g,) = (g for g in svg.iter(f"{SVG}g") if tip(g).startswith(ending))
    return g


def ends(svg) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The first and the last point of every line."""
    lines = []
    for path in svg.iter(f"{SVG}path"):
        if path.get("fill") == "none":
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
            lines.append((tuple(numbers[:2]), tuple(numbers[-2:])))
    return lines


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 1)

    def forward(self, x):
        return (x + self.second(self.first(x))).relu()


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 1)
        self.b = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(3, 2, 1))

    def forward(self, x):
        return ops.concat([self.a(x), self.b(x)], 1)


def test_lenet5_by_hand():
    svg = draw(build("lenet5"), (1, 28, 28), title="LeNet-5")
    shown = texts(svg)
    expected = [
        "LeNet-5", "input 1 × 28 × 28 · output 10 · 61,706 parameters · 416,520 multiply-adds",
        "input", "1 × 28 × 28",
        "conv 5×5, 6 + Tanh", "c1 · 6 × 28 × 28 · 156", "average pool 2×2, /2", "s2 · 6 × 14 × 14",
        "conv 5×5, 16 + Tanh", "c3 · 16 × 10 × 10 · 2,416", "s4 · 16 × 5 × 5",
        "conv 5×5, 120 + Tanh", "c5 · 120 × 1 × 1 · 48,120", "120", "linear, 84 + Tanh",
        "f6 · 84 · 10,164", "linear, 10", "output · 10 · 850",
    ]  # fmt: skip
    places = [shown.index(text) for text in expected]
    assert places == sorted(places)
    assert len(ends(svg)) == 8  # nine boxes in a column


@pytest.mark.parametrize("name", NETS)
def test_all_parameters_are_shown(name):
    net, svg = build(name), drawn(name)
    unused = sum(int(n.replace(",", "")) for text in texts(svg) if "outside training" in text
                 for n in re.findall(r"([\d,]+) parameters", text))  # fmt: skip
    assert sum(map(parameters, groups(svg))) + unused == sum(p.numel() for p in net.parameters())
    for frame in svg.iter(f"{SVG}g"):
        inside = groups(frame)
        if inside and not re.search(r": \d+ × .*; output", tip(frame)):
            assert sum(map(parameters, inside)) == parameters(frame), tip(frame)


@pytest.mark.parametrize("name", NETS)
def test_nothing_overlaps_or_sticks_out(name):
    svg = drawn(name)
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert width <= 1050
    check_places(svg, (0, 0, width, height))


def check_places(element, frame) -> None:
    boxes = [rect(g) for g in groups(element)]
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert frame[0] <= left < right <= frame[2] and frame[1] <= top < bottom <= frame[3]
        for other in boxes[:i]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert apart, (boxes[i], other)
    for g, place in zip(groups(element), boxes, strict=True):
        check_places(g, place)


@pytest.mark.parametrize("name", ["googlenet", "vit_b_16", "mobilenet_v3_small"])
def test_text_fits_its_box(name):
    """Measured in matplotlib's DejaVu Sans, which is wider than Helvetica and Arial."""
    textpath = pytest.importorskip("matplotlib.textpath")
    fonts = pytest.importorskip("matplotlib.font_manager")
    svg = drawn(name)
    for g in svg.iter(f"{SVG}g"):
        left, _, right, _ = rect(g)
        for text in g.findall(f"{SVG}text"):
            font = fonts.FontProperties(family="DejaVu Sans", weight=text.get("font-weight"))
            size = float(text.get("font-size"))
            width, _, _ = textpath.text_to_path.get_text_width_height_descent(
                text.text, font.copy(), False
            )
            assert width * size / font.get_size_in_points() <= right - left, text.text


def test_a_shortcut_ends_at_the_side_of_its_sum():
    svg = draw(nn.Sequential({"block": Residual()}))
    frame, node = rect(find(svg, "block: Res")), rect(find(svg, "block: add"))
    assert "+ then ReLU" in texts(svg)
    x, y = node[2], (node[1] + node[3]) / 2
    (start,) = (start for start, end in ends(svg) if end == pytest.approx((x, y), abs=0.2))
    assert start[0] > rect(find(svg, "block.first"))[2]  # beside the convolutions
    assert frame[1] < start[1] < rect(find(svg, "block.first"))[1]  # from the top of the frame


def test_branches_stand_side_by_side():
    svg = draw(nn.Sequential({"block": Branches()}))
    a, pool, b, concat = (
        rect(find(svg, f"block{path}")) for path in (".a", ".b.0", ".b.1", ": concat")
    )  # fmt: skip
    assert a[2] < pool[0] and a[1] == pool[1]
    assert pool[3] < b[1] and b[3] < concat[1]
    assert concat[0] <= a[0] and concat[2] >= b[2]
    into = [end for _, end in ends(svg) if end[1] == pytest.approx(concat[1], abs=0.2)]
    assert sorted(x for x, _ in into) == pytest.approx(
        [(a[0] + a[2]) / 2, (b[0] + b[2]) / 2], abs=0.2
    )  # fmt: skip
    assert "output 6 × 16 × 16" in tip(find(svg, "block: concat"))


def test_a_node_for_each_input_that_is_learnt():
    shown = texts(drawn("vit_b_16"))
    assert {"concat class_token", "+ pos_embedding", "12 × EncoderBlock"} <= set(shown)


def test_equal_blocks_are_drawn_once():
    svg = draw(nn.Sequential(*(Residual() for _ in range(4))))
    assert "4 × Residual" in texts(svg) and texts(svg).count("+ then ReLU") == 1
    assert parameters(find(svg, "0 – 3")) == 4 * (3 * 4 * 9 + 4 + 4 * 3 + 3)
    mixed = draw(nn.Sequential(Residual(), nn.ReLU(), Residual(), Residual()))
    assert "2 × Residual" in texts(mixed) and texts(mixed).count("+ then ReLU") == 2


def test_what_others_use_too_is_drawn_by_itself():
    class Peeled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 3, 1), nn.ReLU()
            self.first, self.second, self.third = Residual(), Residual(), Residual()

        def forward(self, x):
            y = self.conv(x)
            y = y - self.relu(y)
            first = self.first(y)
            return self.third(self.second(first)) * first

    shown = texts(draw(Peeled()))
    assert "conv 1×1, 3" in shown and "ReLU" in shown
    assert "Residual" in shown and "2 × Residual" in shown


def test_dense_blocks_are_fed_by_all_before():
    shown = texts(drawn("densenet121"))
    for layers in (6, 12, 24, 16):
        assert f"{layers} × DenseLayer, each fed by all before" in shown


def test_a_bottleneck_that_changes_the_shape_has_a_shortcut_of_its_own():
    svg = drawn("resnet50")
    first, shortcut = find(svg, "layer1.0.conv1:"), find(svg, "layer1.0.downsample:")
    assert rect(first)[1] == rect(shortcut)[1] and rect(first)[2] < rect(shortcut)[0]
    assert "conv 1×1, 512, /2 + BN" in texts(svg) and "2 × Bottleneck" in texts(svg)


def test_heads_for_training_are_named():
    assert any("aux1, aux2" in text for text in texts(drawn("googlenet")))


def test_depth_says_how_many_frames_open():
    pictures = [draw(build("resnet18"), (3, 64, 64), depth=n) for n in range(3)]
    boxes = [len(list(svg.iter(f"{SVG}g"))) for svg in pictures]
    assert boxes[0] == 9  # input, conv1, maxpool, four stages, avgpool, fc
    assert "layer1 · 64 × 16 × 16 · 147,968" in texts(pictures[0])
    assert boxes[1] == 9  # a stage of two blocks that look the same from outside
    assert "layer1.0 – 1 · 64 × 16 × 16 · 147,968" in texts(pictures[1])
    assert boxes[2] > 9 and "+ then ReLU" in texts(pictures[2])


def test_a_single_layer_is_a_picture_too():
    assert "conv 3×3, 8, /2, dilation 2" in texts(draw(nn.Conv2d(3, 8, 3, 2, dilation=2)))


def test_signs_of_xml_are_escaped():
    odd = type("A<B>&\"'", (Residual,), {})()
    svg = draw(nn.Sequential({"<&>": odd}), title="<\"&'>")
    assert "A<B>&\"'" in texts(svg) and texts(svg)[0] == "<\"&'>"
    assert "<\"&'>" in svg.get("aria-label") and svg.get("role") == "img"


def test_the_same_model_gives_the_same_picture():
    first, second = (draw_model(build("squeezenet1_1"), (3, 64, 64)) for _ in range(2))
    assert first == second


def test_the_model_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    net[1].eval()
    before = net.state_dict()
    draw(net)
    assert [m.training for m in net.modules()] == [True, True, False, True]
    assert all(not m._hooks.before and not m._hooks.after for m in net.modules())
    assert all(np.array_equal(before[key], value) for key, value in net.state_dict().items())


def test_any_graph_of_sums_is_drawn_without_overlaps():
    class Random(nn.Module):
        def __init__(self, seed: int) -> None:
            super().__init__()
            rng = np.random.default_rng(seed)
            self.layers = [nn.Conv2d(2, 2, 1) for _ in range(8)]
            self.uses = [rng.integers(0, i + 1, rng.integers(1, 4)) for i in range(8)]

        def forward(self, x: Tensor) -> Tensor:
            made = [x]
            for layer, uses in zip(self.layers, self.uses, strict=True):
                made.append(layer(sum(made[i] for i in uses)))
            return sum(made[1:])

    for seed in range(10):
        svg = draw(nn.Sequential(Random(seed), nn.ReLU()), (2, 4, 4))
        check_places(svg, (0, 0, 1e4, 1e4))


def test_shape_must_be_that_of_one_image():
    with pytest.raises(ValueError, match=r"\(C, H, W\).*got \(1, 1, 28, 28\)"):
        draw_model(build("lenet5"), (1, 1, 28, 28))


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["draw", "lenet5"])
    assert (result.exit_code, result.output) == (0, "lenet5.svg\n")
    first = (tmp_path / "lenet5.svg").read_bytes()
    again = ["draw", "resnet20", "--input", "3,16,16", "--out", "lenet5.svg"]
    assert CliRunner().invoke(main, again).exit_code == 0  # an SVG may be drawn anew
    assert (tmp_path / "lenet5.svg").read_bytes() != first
    assert "input 3 × 16 × 16" in (tmp_path / "lenet5.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("out", "message"),
    [("nowhere/x.svg", "the folder must exist"), ("notes.svg", "another kind of file"),
     (".", "must end in .svg"), ("x.png", "must end in .svg, got x.png")],
)  # fmt: skip
def test_command_keeps_what_is_there(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.svg").write_bytes(b"my notes")
    result = CliRunner().invoke(main, ["draw", "lenet5", "--out", out])
    assert result.exit_code == 1 and message in result.output and "Traceback" not in result.output
    assert (tmp_path / "notes.svg").read_bytes() == b"my notes"
    assert [p.name for p in tmp_path.iterdir()] == ["notes.svg"]
