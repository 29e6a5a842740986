"""The benchmarks' harness, its figures and tables, and that the peers compute what we compute."""

import json
import time

import numpy as np
import pytest

from benchmarks import __main__ as program
from benchmarks import contestants, epochs, harness, loader, report
from benchmarks.fresh import in_fresh_process
from benchmarks.harness import Load, Row, compare, quietest
from benchmarks.report import LAST, OURS, TORCH

ROW = Row("a step", {OURS: [1.0, 2.0, 4.0], LAST: [4.0], TORCH: [8.0, 8.0]}, work=3e6, peak=3e9)


@pytest.fixture
def short(monkeypatch):
    """A harness that does not wait."""
    quick = {"PAUSE": 0.0, "TURN": 0.0, "ROUNDS": 4, "LEAST_ROUNDS": 3, "QUIET": np.inf}
    for name, value in quick.items():
        monkeypatch.setattr(harness, name, value)


def test_contestants_take_turns(short):
    order = []
    row = compare("x", {"a": lambda: order.append("a"), "b": lambda: order.append("b")})
    assert "".join(order) == "aabb" + 4 * "aabb"  # two runs before; then one to wake, one timed
    assert {name: len(times) for name, times in row.samples.items()} == {"a": 4, "b": 4}
    assert (row.workload, row.unit, row.dropped) == ("x", "ms", 0)


def test_a_turn_is_in_milliseconds_per_run(short, monkeypatch):
    monkeypatch.setattr(harness, "TURN", 0.02)
    row = compare("x", {"sleep": lambda: time.sleep(0.002)})
    assert all(2.0 <= t < 1000.0 for t in row.samples["sleep"])


def test_disturbed_rounds_are_dropped(monkeypatch):
    monkeypatch.setattr(harness, "LEAST_ROUNDS", 3)
    rounds = [(0.5, {"a": 9.0}), (0.01, {"a": 1.0}), (0.3, {"a": 8.0}), (0.0, {"a": 2.0})]
    calm = [*rounds, (0.02, {"a": 3.0}), (0.03, {"a": 4.0})]
    assert [times["a"] for _, times in quietest(calm)] == [2.0, 1.0, 3.0, 4.0]
    assert [times["a"] for _, times in quietest(rounds)] == [2.0, 1.0, 8.0]  # at least three


def test_a_harness_on_a_busy_machine_ends(short, monkeypatch):
    monkeypatch.setattr(harness, "QUIET", -1.0)  # no round is quiet enough
    monkeypatch.setattr(harness, "wait_for_quiet", lambda: None)
    row = compare("x", {"a": lambda: None})
    assert len(row.samples["a"]) == harness.LEAST_ROUNDS and row.dropped == 8 - 3


def test_our_own_work_is_not_that_of_others():
    if not harness.Path("/proc/stat").exists():
        pytest.skip("this system does not tell how busy its cores are")
    load, busy, own = Load(), harness._busy(), harness._own()
    while harness._own() - own < 0.2:
        pass
    assert harness._busy() - busy > 0.1
    assert 0.0 <= load.others() <= 1.0


def test_ratios():
    assert report.ratio(ROW, LAST) == 0.5  # medians 2 and 4
    assert report.ratio(ROW, TORCH) == 0.25
    assert report.ratio(ROW, "dezero") is None
    assert report.ratio(Row("x", {OURS: [2.0], TORCH: [1.0]}, "times"), TORCH) is None


def test_geometric_mean():
    assert report.geometric_mean([0.5, None, 2.0, 8.0]) == pytest.approx(2.0)
    assert report.geometric_mean([None]) is None


def test_spread_is_half_the_distance_between_the_quartiles():
    values = np.random.default_rng(0).random(10)
    low, high = np.percentile(values, [25, 75])
    assert report.spread(values.tolist()) == pytest.approx((high - low) / 2)
    assert report.spread([3.0]) == 0.0


def test_the_table():
    other = Row("another", {OURS: [1234.5], LAST: [617.25]}, dropped=2, others=0.04, note="A note.")
    assert report.table([ROW, other]).splitlines() == [
        "|  | unit | minicnn | torch channels_last | ratio | torch | ratio | GFLOP/s | of peak "
        "| rounds | dropped | others |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        "| a step | ms | 2.00 ± 0.750 | 4.00 | 0.50 | 8.00 | 0.25 | 2 | 50% | 3 | 0 | 0% |",
        "| another | ms | 1,234 | 617 | 2.00 |  |  |  |  | 1 | 2 | 4% |",
        "| **geometric mean** |  |  |  | 1.00 |  | 0.25 |  |  |  |  |  |",
        "",
        "A note.",
    ]


def test_results_are_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    assert report.load("training") == ([], {})
    report.save("training", "One step", [ROW], {"machine": "M", "date": "D"})
    assert report.load("training") == ([ROW], {"machine": "M", "date": "D"})
    text = (tmp_path / "results/training.md").read_text(encoding="utf-8")
    assert text.startswith("# One step\n\n    python -m benchmarks training\n\n|  | unit")
    assert text.endswith("| 0% |\n\n* machine: M\n* date: D\n")


def test_the_readme_keeps_the_rest(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        report.put_into(path, report.summary([ROW], {"date": "D"}))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[1], lines[-2], lines[-1]) == (
        "before", report.BEGIN, report.END, "after"
    )  # fmt: skip
    assert "| a step | 2.00 ms | 4.00 ms | 0.50 | 0.25 |" in lines and "old" not in lines


def test_a_readme_without_markers_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the lines"):
        report.put_into(tmp_path / "README.md", "text")


def test_our_readme_has_the_markers():
    text = (program.ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    program.main(["graph", "--json", str(tmp_path / "all.json")])
    (found,) = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert found["rows"][1]["samples"] == {OURS: [40]}
    for key in ("machine", "date", "commit", "numpy", "torch", "threads", "BLAS"):
        assert found["machine"][key]
    assert "| chain of 40 diamonds | runs of the rule | 40.0 |" in capsys.readouterr().out
    assert (tmp_path / "results/graph.md").exists()


@pytest.mark.parametrize("question", (*program.ALL, *program.ALONE))
def test_every_question_has_a_title_and_rows(question):
    assert program.title(question)
    assert callable(program.import_module(f"benchmarks.{question}").rows)


def test_a_fresh_process():
    assert in_fresh_process("graph", "diamonds", 5) == 5
    assert in_fresh_process("harness", "cores", processors=harness.cores()[:1]) == [
        harness.cores()[0]
    ]
    with pytest.raises(RuntimeError, match="TypeError: 'str' object"):
        in_fresh_process("harness", "turn", "no function", 0)


def test_programs_take_turns(monkeypatch):
    monkeypatch.setattr(epochs, "TURN", 2)
    order = []

    def run(name, batches):
        for _ in range(1 + batches):
            order.append(name)
            yield

    samples, others = epochs.alternate({"a": run("a", 3), "b": run("b", 5)})
    assert "".join(order) == "ab" + "aabb" + "abb" + "b"
    assert samples.keys() == {"a", "b"} and others >= 0.0


def test_an_epoch_is_every_image_once():
    images, labels = epochs.random_images(300, 1, 28)
    batches = sum(1 for _ in epochs.our_program("lenet5", images, labels))
    assert batches == 1 + 3  # 128 + 128 + 44, after the batch that prepares


@pytest.mark.parametrize(
    "name",
    ["mnist_1_32_64", "mnist_cnn", "lenet5", "resnet20", "vgg11_bn_cifar", "mobilenet_v1_cifar",
     "mobilenet_v2_cifar"],
)  # fmt: skip
def test_peers_have_our_losses(name):
    """`training_steps` itself compares the losses of two steps."""
    pytest.importorskip("torch", reason="the peers are torch's")
    steps = contestants.training_steps(name, 8)
    assert list(steps) == [OURS, TORCH, LAST]


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "efficientnet_b0"])
def test_peers_have_our_logits(name):
    """`inferences` itself compares the logits, also of the folded nets."""
    pytest.importorskip("torch", reason="the peers are torch's")
    steps = contestants.inferences(name, 1)
    assert list(steps) == [OURS, TORCH, f"{TORCH}, folded", LAST, f"{LAST}, folded"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_large_peers_have_our_logits(name):
    pytest.importorskip("torch", reason="the peers are torch's")
    assert list(contestants.inferences(name, 1)) == [OURS, TORCH, LAST]


def test_loaders_have_the_same_batches(tmp_path, short, monkeypatch):
    """`reading` itself compares the batches."""
    pytest.importorskip("torch", reason="the peer is torch's")
    monkeypatch.setattr(loader, "ROUNDS", 1)
    paths = [loader.write_photo(tmp_path / f"{i}.jpg", i) for i in range(2)]
    row = loader.reading("two photos", paths, workers=0)
    assert list(row.samples) == [OURS, TORCH]
    assert row.note.startswith("two photos, images/s: minicnn ")
    theirs = loader.torch_loader(paths, workers=0)
    monkeypatch.setattr(loader, "torch_loader", lambda *_, **__: [-batch for batch in theirs])
    with pytest.raises(RuntimeError, match="the batches of minicnn and torch must agree"):
        loader.reading("two photos", paths, workers=0)


def test_other_losses_are_noticed():
    nets = dict.fromkeys((OURS, "peer"), contestants.create("lenet5"))
    with pytest.raises(RuntimeError, match="lenet5: minicnn and peer must have the same losses"):
        contestants.check_losses("lenet5", nets, {OURS: lambda: 2.0, "peer": lambda: 2.1})
