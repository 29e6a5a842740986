"""Worst mistakes, the pictures of a run, and its report: one page, nothing from outside."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicnn.train import Epoch
from minicnn.train.figures import write_figures
from minicnn.train.metrics import Metrics
from minicnn.train.mistakes import save_mistakes, worst_mistakes
from minicnn.train.report import write_report

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> ${title} $body"
NAMES = ["cat", "dog", EVIL]


class Files:
    """A data set in files, as the protocol has it."""

    name, classes, multilabel = "files", NAMES, False

    def __init__(self, folder: Path, labels: np.ndarray) -> None:
        self.labels = labels
        self.paths = [folder / f"{i}.png" for i in range(len(labels))]
        rng = np.random.default_rng(0)
        for path in self.paths:
            Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).save(path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int):
        with Image.open(self.paths[i]) as image:
            return image.convert("RGB"), self.labels[i]

    def source(self, i: int) -> str:
        return str(self.paths[i])


class Arrays(Files):
    """The same in memory."""

    def __init__(self, labels: np.ndarray, channels: int) -> None:
        self.labels, self.paths = labels, [Path(str(i)) for i in range(len(labels))]
        self.images = np.random.default_rng(0).random((len(labels), 8, 8, channels))

    def __getitem__(self, i: int):
        return self.images[i], self.labels[i]

    def source(self, i: int) -> str:
        return f"image {i} of {self.name}"


def judged(task: str = "multiclass", n: int = 40) -> tuple[Metrics, np.ndarray]:
    rng = np.random.default_rng(4)
    names = NAMES[1:] if task == "binary" else NAMES
    shape = (n, 3) if task == "multilabel" else (n,)
    labels = rng.integers(0, 3 if task == "multiclass" else 2, shape)
    scores = rng.standard_normal((n,) if task == "binary" else (n, 3))
    found = Metrics(task, names)
    found.update(labels, scores)
    return found, labels


def test_the_worst_mistakes_come_first():
    p = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.0, 0.9], [0.34, 0.33, 0.33]])
    found = worst_mistakes([1, 1, 0, 2], p, NAMES)
    assert [(m.sample, m.truth, m.guess) for m in found] == [
        (0, "dog", "cat"), (2, "cat", EVIL), (3, EVIL, "cat")
    ]  # fmt: skip
    np.testing.assert_allclose([m.confidence for m in found], [0.9, 0.9, 0.34])
    np.testing.assert_allclose([m.loss for m in found], -np.log([0.1, 0.1, 0.33]))
    assert worst_mistakes([1, 1, 0, 2], p, NAMES, count=2) == found[:2]
    assert worst_mistakes([0, 1, 2, 0], p, NAMES) == []


def test_mistakes_of_binary_and_multilabel():
    (only,) = worst_mistakes([0, 1, 1], [0.1, 0.2, 0.6], ["no", "yes"])
    assert only[:3] == (1, "yes", "no") and only.confidence == 0.8
    found = worst_mistakes([[1, 0], [0, 1]], [[0.9, 0.8], [0.3, 0.1]], ["a", "b"])
    assert [m[:3] for m in found] == [(1, "b", "no b"), (0, "no b", "b")]
    np.testing.assert_allclose([m.confidence for m in found], [0.9, 0.8])


def test_mistakes_are_refused_with_wrong_names_or_numbers():
    with pytest.raises(ValueError, match="3 names of classes, got 2"):
        worst_mistakes([0], [[0.2, 0.3, 0.5]], ["a", "b"])
    with pytest.raises(ValueError, match="add up to 1"):
        worst_mistakes([0], [[0.2, 0.3]], ["a", "b"])


def test_a_damaged_file_is_left_out_of_the_sheet(tmp_path):
    found, labels = judged()
    dataset = Files(tmp_path, labels)
    mistakes = worst_mistakes(*found.samples(), NAMES)
    dataset.paths[mistakes[0].sample].write_bytes(b"not an image")
    dataset.paths[mistakes[1].sample].unlink()
    drawn = save_mistakes(dataset, mistakes, tmp_path / "mistakes.png")
    assert drawn == mistakes[2:] and (tmp_path / "mistakes.png").exists()
    assert save_mistakes(dataset, mistakes[:2], tmp_path / "none.png") == []
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_all_pictures_of_a_task(tmp_path, task):
    found, labels = judged(task)
    drawn = write_figures(tmp_path, found, history(), Arrays(labels, channels=1))
    names = {"curves", "confusion", "classes", "calibration", "roc", "pr", "scores", "mistakes"}
    assert drawn.keys() == names - ({"confusion"} if task == "multilabel" else set())
    for path in drawn.values():
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 200


def test_pictures_where_little_is_there(tmp_path):
    """One class and no mistake: no curves over thresholds, and no sheet of an earlier time."""
    found = Metrics("multiclass", NAMES)
    found.update([0, 0], [[5.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    (tmp_path / "mistakes.png").write_bytes(b"old")
    drawn = write_figures(tmp_path, found, dataset=Arrays(np.zeros(2, int), 3))
    assert drawn.keys() == {"confusion", "classes", "calibration", "pr", "scores"}
    assert not (tmp_path / "mistakes.png").exists()
    without = Metrics("multiclass", NAMES, curves=False)
    without.update([0], [[5.0, 0.0, 0.0]])
    assert write_figures(tmp_path, without).keys() == {"confusion", "classes", "calibration"}


def test_samples_in_another_order_are_refused(tmp_path):
    found, labels = judged()
    for other in (labels[::-1], labels[:-1]):
        with pytest.raises(ValueError, match="evaluate without shuffling"):
            write_figures(tmp_path, found, dataset=Arrays(other, 1))


def history() -> list[Epoch]:
    return [Epoch(i, 2 / i, 0.5, 1.8 / i, 0.6, 0.1, 1.0) for i in range(1, 6)]


class Page(HTMLParser):
    """The tags of a page and their attributes; the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def page(tmp_path) -> Page:
    found, labels = judged()
    figures = write_figures(tmp_path, found, history(), Arrays(labels, 3))
    extra = tmp_path / "extra.png"
    Image.new("RGB", (3, 3)).save(extra)
    config = {"model": EVIL, "data": "files", "seed": 0, "classes": NAMES, EVIL: {"a": [1, EVIL]},
              "parameters": 1234567, "none": None}  # fmt: skip
    path = write_report(
        tmp_path, title=EVIL, config=config, history=history(), metrics=found,
        figures=figures | {EVIL: extra}, advice=[EVIL, "Train longer."],
    )  # fmt: skip
    assert path == tmp_path / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_nothing_hostile_becomes_markup(page):
    tags = [tag for tag, _ in page.tags]
    assert page.open == [] and "script" not in tags and "a" not in tags and "link" not in tags
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.words.count("<script>alert('x')</script>") >= 6  # title, advice, table, config


def test_the_page_is_one_file(page):
    images = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 9
    for source in images:
        assert source.startswith("data:image/png;base64,")
        assert base64.b64decode(source.split(",")[1], validate=True)[:4] == b"\x89PNG"
    style = page.words[: page.words.index("}")] + page.words
    assert not re.search(r"url\(|@import|https?://", style)


def test_the_page_says_what_was_measured(page):
    found, _ = judged()
    numbers = found.compute()
    assert f"{numbers['accuracy']:.2%}" in page.words
    assert f"{numbers['roc_auc_macro']:.4f}" in page.words
    for words in ("1,234,567 parameters", "seed 0", "Train longer.", "40 images", "All 5 epochs"):
        assert words in page.words


def test_a_report_of_almost_nothing(tmp_path):
    path = write_report(tmp_path, title="empty", config={})
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == [] and "Classes" not in page.words
    one = Metrics("binary", ["no", "yes"])
    one.update([1], [2.0])
    page = Page(write_report(tmp_path, title="one", config={}, metrics=one).read_text("utf-8"))
    assert "nan: not defined" in page.words and "100.00%" in page.words


def test_a_missing_picture_leaves_the_old_report(tmp_path):
    before = write_report(tmp_path, title="first", config={}).read_bytes()
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path, title="second", config={}, figures={"roc": tmp_path / "none.png"})
    assert (tmp_path / "report.html").read_bytes() == before
