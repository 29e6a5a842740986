"""DataLoader with threads: the same batches whatever their number, and none is left over."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import DataLoader, Dataset, SampleError
from tests.photos import Photos, photos

PIL = pytest.importorskip("PIL.Image", reason="needs: pip install pillow")


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    yield
    assert loader_threads() == []


def loader_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("minicnn-loader")]


def noisy(image, rng: np.random.Generator) -> np.ndarray:
    """Slower for some images than for others, so that threads finish in another order."""
    time.sleep(float(rng.random()) / 500)
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    return pixels + rng.normal(size=pixels.shape).astype(np.float32)


def dim(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images * rng.random((len(images), 1, 1, 1), np.float32)


def collected(loader: DataLoader) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(images.copy(), labels.copy()) for images, labels in loader]


def assert_same(one, other) -> None:
    assert len(one) == len(other)
    for (images, labels), (other_images, other_labels) in zip(one, other, strict=True):
        assert np.array_equal(images, other_images)
        assert np.array_equal(labels, other_labels)


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (1, 2), (3, 1), (4, 5), (2, 100)])
def test_batches_do_not_depend_on_the_number_of_workers(tmp_path, workers, prefetch):
    data = photos(tmp_path, 23)
    options = {"shuffle": True, "seed": 3, "transform": noisy, "augment": dim}
    one = DataLoader(data, 4, **options)
    other = DataLoader(data, 4, **options, workers=workers, prefetch=prefetch)
    for _ in range(2):
        assert_same(collected(one), collected(other))
    assert (one.epoch, other.epoch) == (2, 2)


def test_the_generators_are_those_of_seed_epoch_and_position(tmp_path):
    data = photos(tmp_path, 5)

    def transform(image, rng):
        return np.full((1, 1, 1), rng.random(), np.float32)

    def augment(images, rng):
        return np.concatenate([images, np.full_like(images, rng.random())], 1)

    loader = DataLoader(data, 2, seed=7, transform=transform, augment=augment, workers=2)
    loader.set_epoch(4)
    found = np.concatenate([images[:, :, 0, 0] for images, _ in loader])
    for i, (of_sample, of_batch) in enumerate(found):
        assert of_sample == np.float32(np.random.default_rng([7, 4, i]).random())
        assert of_batch == np.float32(np.random.default_rng([7, 4, i // 2, 1]).random())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_epoch_goes_on_at_its_batch(tmp_path, workers):
    data = photos(tmp_path, 11)
    options = {"shuffle": True, "transform": noisy, "augment": dim, "workers": workers}
    whole = collected(DataLoader(data, 3, **options))
    resumed = DataLoader(data, 3, **options)
    for first in (0, 1, 3, 4):
        resumed.set_epoch(0)
        resumed.start(first)
        assert_same(collected(resumed), whole[first:])
        assert resumed.epoch == 1
    resumed.set_epoch(0)
    assert_same(collected(resumed), whole)  # only the next pass began later
    assert len(resumed) == 4


def test_resume_of_a_dataset_in_memory():
    data = Dataset(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), np.arange(10) % 2,
                   ["a", "b"], "ten")  # fmt: skip
    whole = collected(DataLoader(data, 3, shuffle=True, augment=dim))
    resumed = DataLoader(data, 3, shuffle=True, augment=dim)
    resumed.start(2)
    assert_same(collected(resumed), whole[2:])


@pytest.mark.parametrize(("batch", "message"), [(-1, "at least 0, got -1"), (5, "at most 4, the")])
def test_refuses_a_first_batch_that_is_not_there(tmp_path, batch, message):
    with pytest.raises(ValueError, match=f"DataLoader: first batch must be {message}"):
        DataLoader(photos(tmp_path, 11), 3).start(batch)


def test_several_passes_at_once(tmp_path):
    data = photos(tmp_path, 6)
    loader = DataLoader(data, 2, transform=noisy, workers=2)
    expected = collected(DataLoader(data, 2, transform=noisy))
    inner = []
    outer = []
    for batch in loader:
        outer.append(batch)
        loader.set_epoch(0)
        inner.append(collected(loader))
    assert_same(outer, expected)
    for one in inner:
        assert_same(one, expected)
    loader.set_epoch(0)
    pairs = list(zip(loader, DataLoader(data, 2, transform=noisy, workers=1), strict=True))
    assert_same([a for a, _ in pairs], [b for _, b in pairs])


# How a pass ends


def endless(calls: list, seconds: float = 0.002) -> Photos:
    """A thousand images, each of which takes a while."""

    class Slow(Photos):
        def __getitem__(self, i: int):
            calls.append(i)
            time.sleep(seconds)
            return PIL.new("RGB", (2, 2)), 0

    return Slow(["?"] * 1000)


def test_a_break_ends_the_threads_and_cancels_what_is_not_needed():
    calls: list[int] = []
    for _ in DataLoader(endless(calls, 0.1), 5, workers=2, prefetch=5):
        assert loader_threads()
        break
    assert loader_threads() == []
    assert 5 <= len(calls) < 6 * 5


def test_nothing_starts_before_the_first_batch_is_asked_for():
    calls: list[int] = []
    passes = [iter(DataLoader(endless(calls), 5, workers=2)) for _ in range(3)]
    assert (loader_threads(), calls) == ([], [])
    del passes


def test_a_forgotten_pass_ends_its_threads():
    batches = iter(DataLoader(endless([]), 5, workers=2))
    next(batches)
    assert loader_threads()
    del batches
    gc.collect()
    assert loader_threads() == []


def test_a_pass_may_be_collected_in_one_of_its_own_threads():
    go = threading.Event()

    class Collecting(Photos):
        def __getitem__(self, i: int):
            if i >= 2:
                assert go.wait(60)
                gc.collect()
            return PIL.new("RGB", (2, 2)), 0

    gc.collect()
    gc.disable()
    try:
        cycle = [iter(DataLoader(Collecting(["?"] * 6), 2, workers=1))]
        cycle.append(cycle)  # type: ignore[arg-type]
        next(cycle[0])
        (thread,) = (t for t in threading.enumerate() if t.name.startswith("minicnn-loader"))
        del cycle
        go.set()
        thread.join(60)
        assert not thread.is_alive()
    finally:
        gc.enable()


def test_an_exception_of_the_caller_ends_the_threads():
    def body() -> None:
        for _ in DataLoader(endless([]), 5, workers=2):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        body()
    assert loader_threads() == []


INTERRUPTED = """
import signal, sys, threading, time
import numpy as np
from minicnn.data import DataLoader
from tests.photos import Photos

class Slow(Photos):
    def __getitem__(self, i):
        time.sleep(0.02)
        return np.zeros((2, 2, 3), np.uint8), 0

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
try:
    for images, labels in DataLoader(Slow(["?"] * 100_000), 50, workers=2, prefetch=4):
        print("begun", flush=True)
        if "body" in sys.argv:
            time.sleep(60)
except KeyboardInterrupt:
    print(*(t.name for t in threading.enumerate()))
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")
@pytest.mark.parametrize("where", ["waiting", "body"])
def test_ctrl_c_ends_the_program_at_once(where):
    command = [sys.executable, "-c", INTERRUPTED, where]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "begun\n"
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=60)
    assert out.splitlines()[-1] == "MainThread"
    assert program.returncode == 130


def test_memory_is_bounded():
    """Decoded images alive at any time: those of the batch handed over and of `prefetch` more."""
    alive, most, lock = 0, 0, threading.Lock()

    def gone() -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def transform(image, rng):
        nonlocal alive, most
        pixels = np.zeros((3, 4, 4), np.float32)
        weakref.finalize(pixels, gone)
        with lock:
            alive += 1
            most = max(most, alive)
        return pixels

    batch, prefetch = 5, 2
    for _ in DataLoader(endless([]).subset(range(200)), batch, transform=transform, workers=4,
                        prefetch=prefetch):  # fmt: skip
        time.sleep(0.03)  # the threads are faster than the caller
        assert alive <= prefetch * batch  # the images of this batch have been let go
    gc.collect()
    assert alive == 0
    assert prefetch * batch <= most <= (prefetch + 1) * batch


# What goes wrong


def damaged(folder: Path, n: int, bad: list[int]) -> Photos:
    data = photos(folder, n)
    for i in bad:
        whole = Path(data.paths[i]).read_bytes()
        Path(data.paths[i]).write_bytes(whole[: len(whole) // 2])
    return data


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_unreadable_image_is_named_and_ends_the_threads(tmp_path, workers):
    data = damaged(tmp_path, 12, [6, 8])
    batches = []
    with pytest.raises(SampleError) as caught:
        for images, _ in DataLoader(data, 4, workers=workers):
            batches.append(images)
    assert loader_threads() == []
    assert len(batches) == 1  # the first of the two, in the order of the samples
    assert str(data.paths[6]) in str(caught.value)
    assert 'mend or remove it, or pass on_error="skip"' in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert "truncated" in str(caught.value.__cause__).lower()
    where = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert any("ImageFile.py" in frame.filename for frame in where)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_transform_that_fails_is_never_skipped(tmp_path, workers, on_error):
    data = photos(tmp_path, 6)

    def transform(image, rng):
        return np.zeros(3)[7]

    loader = DataLoader(data, 2, transform=transform, workers=workers, on_error=on_error)
    with pytest.raises(SampleError) as caught:
        list(loader)
    assert "the transform must take every image" in str(caught.value)
    assert "IndexError: index 7 is out of bounds" in str(caught.value)
    assert str(data.paths[0]) in str(caught.value)
    frames = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert frames[-1].name == "transform"


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_skipped_images_are_listed_and_the_rest_stays_in_order(tmp_path, workers):
    data = damaged(tmp_path, 14, [1, 4, 5, 6, 7, 13])
    whole = {int(label): images for images, (label,) in DataLoader(photos(tmp_path / "b", 14), 1)}
    loader = DataLoader(data, 4, workers=workers, on_error="skip", augment=dim)
    found = collected(loader)
    assert [labels.tolist() for _, labels in found] == [[0, 2, 3], [8, 9, 10, 11], [12]]
    assert loader.skipped == [str(data.paths[i]) for i in (1, 4, 5, 6, 7, 13)]
    for number, (images, labels) in zip((0, 2, 3), found, strict=True):
        expected = np.concatenate([whole[label] for label in labels])
        assert np.array_equal(images, dim(expected, np.random.default_rng([0, 0, number, 1])))
    collected(loader)
    assert len(loader.skipped) == 6  # each once, also after two epochs


def test_nothing_but_unreadable_images(tmp_path):
    data = damaged(tmp_path, 3, [0, 1, 2])
    loader = DataLoader(data, 2, workers=2, on_error="skip")
    with pytest.raises(RuntimeError, match="at least one image must be readable, got none of 3"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 2])
def test_images_of_different_shapes_are_named(tmp_path, workers):
    data = photos(tmp_path, 6)
    PIL.new("RGB", (9, 7)).save(data.paths[4])
    with pytest.raises(ValueError) as caught:
        list(DataLoader(data, 3, workers=workers))
    message = str(caught.value)
    assert f"got (3, 5, 6) of {data.paths[3]} and (3, 7, 9) of {data.paths[4]}" in message
    assert "a crop or a resize" in message
