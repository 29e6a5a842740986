"""From JPEG files to batches: decode, random resized crop of 224x224, flip, normalise.

Both loaders make the same PIL calls in the same order and their batches must agree; ours has
threads, torch's DataLoader processes, which live on between passes. Photos are random pictures of
500x375 at quality 90 in a temporary folder, and flowers of 128x128 where MINICNN_DATA has them.
Then the whole program: the same files through a network in eval mode, from the loader, beside the
loader alone and beside the network alone, on a batch that is in memory.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from minicnn import Tensor, data, fuse, models, no_grad

from .contestants import has, torch_nets
from .harness import Load, Row, turn, wait_for_quiet
from .report import OURS, TORCH

BATCH, PHOTOS, ROUNDS = 32, 64, 5
DIFFERENT = 16  # files, read several times
SIZE = 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
LOADER, NETWORK = "loader alone", "network alone"

Run = Callable[[], object]


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        files = [write_photo(Path(folder) / f"{i}.jpg", i) for i in range(DIFFERENT)]
        photos = files * (PHOTOS // DIFFERENT)
        for name, paths in (("500x375", photos), ("128x128", flowers())):
            for workers in (0, 1, 2) if paths else ():
                yield reading(f"{len(paths)} photos of {name}, {workers} workers", paths, workers)
        for name in ("mobilenet_v1", "mobilenet_v2"):
            yield whole_program(name, photos)


def write_photo(path: Path, seed: int) -> Path:
    """A picture of 500x375 with coarse and fine detail; about 45 KB."""
    rng = np.random.default_rng(seed)
    pixels = np.full((375, 500, 3), 128, np.float32)
    for cells, height in ((4, 0.7), (16, 0.4), (64, 0.22), (160, 0.12)):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        pixels += height * (np.asarray(noise.resize((500, 375)), np.float32) - 128)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def flowers() -> list[Path]:
    root = os.environ.get("MINICNN_DATA")
    return sorted(Path(root).glob("flowers5/*/*.jpg"))[:PHOTOS] if root else []


# What both loaders do with an image


def decode(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def crop_and_flip(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A part of 8 to 100 % of the area, as torchvision's RandomResizedCrop; mirrored or not."""
    width, height = image.size
    for _ in range(10):
        area = width * height * rng.uniform(0.08, 1)
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if w <= width and h <= height:
            break
    else:
        w = h = min(width, height)
    left, top = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    image = image.crop((left, top, left + w, top + h))
    image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


# The contestants


class Photos:
    """Files as a data set of ours."""

    name, classes, multilabel = "photos", ["photo"], False

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.labels = np.zeros(len(paths), np.int64)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        return decode(self.paths[i]), 0

    def source(self, i: int) -> str:
        return str(self.paths[i])

    def subset(self, indices: Any) -> "Photos":
        return Photos([self.paths[i] for i in indices])


def prepare(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """-> (3, 224, 224); with rows of one channel side by side, arithmetic is four times faster"""
    planes = np.ascontiguousarray(np.asarray(crop_and_flip(image, rng)).transpose(2, 0, 1))
    pixels = np.divide(planes, np.float32(255), dtype=np.float32)
    pixels -= MEAN
    pixels /= STD
    return pixels


def our_loader(paths: Sequence[Path], workers: int) -> data.DataLoader:
    return data.DataLoader(Photos(paths), BATCH, transform=prepare, workers=workers)


@dataclass
class TorchPhotos:
    """The same files as a data set of torch's, with the arithmetic of torchvision's transforms."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        import torch

        image = crop_and_flip(decode(self.paths[i]), np.random.default_rng([0, 0, i]))
        planes = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        pixels = planes.to(torch.float32).div(255)
        return pixels.sub_(torch.from_numpy(MEAN)).div_(torch.from_numpy(STD))


def torch_loader(paths: Sequence[Path], workers: int) -> Any:
    from torch.utils.data import DataLoader

    torch_nets()  # as many threads as ours
    alive = workers > 0
    return DataLoader(TorchPhotos(paths), BATCH, num_workers=workers, persistent_workers=alive)


# The questions


def reading(workload: str, paths: Sequence[Path], workers: int) -> Row:
    """One pass over the files. Raises RuntimeError where the two loaders' batches differ."""
    ours = our_loader(paths, workers)
    runs: dict[str, Run] = {OURS: lambda: sum(len(images) for images in first_epoch(ours))}
    if has("torch"):
        theirs = torch_loader(paths, workers)
        for images, expected in zip(first_epoch(ours), theirs, strict=True):
            if not np.allclose(images, expected.numpy(), atol=1e-5):
                raise RuntimeError(f"{workload}: the batches of {OURS} and {TORCH} must agree")
        runs[TORCH] = lambda: sum(len(images) for images in theirs)
    return by_turns(workload, runs, len(paths))


def whole_program(name: str, paths: Sequence[Path]) -> Row:
    """The files through a network of ours, from a loader with 2 workers, ours or torch's."""
    net = fuse(models.create(name).eval())
    loader = our_loader(paths, workers=2)
    batch = next(first_epoch(loader))

    def classify(images: np.ndarray) -> object:
        with no_grad():
            return net(Tensor(images))

    runs: dict[str, Run] = {OURS: lambda: [classify(images) for images in first_epoch(loader)]}
    if has("torch"):
        theirs = torch_loader(paths, workers=2)
        runs[TORCH] = lambda: [classify(images.numpy()) for images in theirs]
    runs[LOADER] = lambda: sum(len(images) for images in first_epoch(loader))
    runs[NETWORK] = lambda: [classify(batch) for _ in range(len(loader))]
    return by_turns(f"{len(paths)} photos through {name}", runs, len(paths))


def first_epoch(loader: data.DataLoader) -> Iterator[np.ndarray]:
    """The same crops every time, so that every pass is the same work."""
    loader.set_epoch(0)
    return (images for images, _ in loader)


def by_turns(workload: str, runs: dict[str, Run], photos: int) -> Row:
    """Milliseconds of each contestant, in rounds that take turns.

    What others had of the cores is measured in our turn only: torch's processes are others as well.
    """
    samples: dict[str, list[float]] = {name: [] for name in runs}
    shares = []
    for _ in range(ROUNDS):
        wait_for_quiet()
        for name, run in runs.items():
            load = Load()
            samples[name].append(1e3 * turn(run))
            if name == OURS:
                shares.append(load.others())
    speeds = ", ".join(f"{name} {1e3 * photos / median(t):.0f}" for name, t in samples.items())
    return Row(workload, samples, others=max(shares), note=f"{workload}, images/s: {speeds}.")
