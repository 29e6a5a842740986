"""Features: what a trained network makes of images, computed once and kept on disk.

A head on a frozen network sees the same features in every epoch. Computing them once makes its
training a matter of seconds.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import weights
from ..data import DataLoader, Dataset
from ..data.checks import check_array
from ..nn import Module, evaluating
from ..tensor import Tensor

_VERSION = "1"  # of the files


class Features(Dataset):
    """A data set of vectors: ``images`` is (N, D) float32, everything else as in `Dataset`.

    `DataLoader` cuts batches (B, D) from it; a head is `nn.Linear(D, K)`.
    """

    def _check_images(self) -> None:
        where = f"Features {self.name}"
        check_array(self.images, "float32", "(N, D)", where)
        if not np.isfinite(self.images).all():
            raise ValueError(
                f"{where}: features must be finite, got NaN or Inf; see whether the weights are "
                "those of this network and the images normalised"
            )

    def __getitem__(self, i: int) -> tuple[np.ndarray, Any]:
        """The vector (D,) and the label of sample i."""
        return self.images[i].copy(), self.labels[i].copy()

    def subset(self, indices: Sequence[int] | np.ndarray) -> "Features":
        """Copy the samples at these positions, in this order."""
        index = np.asarray(indices)
        return Features(self.images[index], self.labels[index], self.classes, self.name)

    def __repr__(self) -> str:
        n, d = self.images.shape
        return f"Features({self.name}: {n} vectors of {d}, {len(self.classes)} classes)"


def extract_features(
    model: Module, loader: Any, layer: str | None = None, *,
    cache: str | PathLike[str] | None = None, say: Callable[[str], Any] = print,
) -> Features:  # fmt: skip
    """What a layer gives for every image of a loader, in eval mode: (N, D).

    ``layer`` is the path of a module; its outputs (N, D, H, W) are averaged over H and W. None
    stands for what comes into the head, for models that know theirs (``head_paths``). The loader
    must not shuffle or leave out samples; its transform prepares the images, without chance:
    `DataLoader(dataset, 64, **preset.steps(dataset, training=False))`.

    ``cache`` is a folder. The features are kept there under a name that stands for the weights, the
    layer, the images and their transform, and are read from there the next time. A damaged file is
    said and computed again.

    Raises ValueError for a layer that is none or is not called, for a loader that shuffles, and
    with a cache for a transform that does not show its settings in its `repr`.
    """
    _check_order(loader)
    dataset, path, found = loader.dataset, None, None
    if cache is not None:
        path = Path(cache) / f"{fingerprint(model, loader, layer)}.safetensors"
        found = _read(path, len(dataset), say)
    if found is None:
        found = np.concatenate(list(_vectors(model, loader, layer)))
        if path is not None and len(found) == len(dataset):
            path.parent.mkdir(parents=True, exist_ok=True)
            weights.save(path, {"features": found}, {"dataset": dataset.name})
    if len(found) != len(dataset):
        raise ValueError(
            f"extract_features: every image must give features, got {len(found)} of "
            f"{len(dataset)}; remove the images that cannot be read from the folder"
        )
    return Features(found, np.asarray(dataset.labels), list(dataset.classes), dataset.name)


def fingerprint(model: Module, loader: Any, layer: str | None = None) -> str:
    """32 hex digits that change with weights, structure, layer, images, labels' order, transform.

    Files are told by name, size and time of change, images in memory by their bytes.
    """
    digest = hashlib.sha256()
    prepared = [_named(getattr(loader, name, None)) for name in ("transform", "augment")]
    for text in (_VERSION, str(layer), repr(model), *prepared):
        digest.update(text.encode() + b"\0")
    for name, x in model.named_state():
        digest.update(f"{name} {x.dtype} {x.shape}\0".encode())
        digest.update(np.ascontiguousarray(x.numpy()).tobytes())
    for part in _identity(loader.dataset):
        digest.update(part + b"\0")
    return digest.hexdigest()[:32]


def _named(transform: Any) -> str:
    text = repr(transform)
    if " at 0x" in text:  # an address says nothing about what a function does
        raise ValueError(
            f"extract_features: with a cache, transforms must be known by its settings, got "
            f"{text}; use those of minicnn.data.transforms or a frozen dataclass, or no cache"
        )
    return text


def _identity(dataset: Any) -> Iterator[bytes]:
    yield f"{dataset.name} {len(dataset)}".encode()
    images = getattr(dataset, "images", None)
    if isinstance(images, np.ndarray):
        yield f"{images.dtype} {images.shape}".encode()
        yield np.ascontiguousarray(images).tobytes()
        return
    for i in range(len(dataset)):
        source = dataset.source(i)
        yield source.encode()
        if Path(source).is_file():
            status = Path(source).stat()
            yield f"{status.st_size} {status.st_mtime_ns}".encode()


def _vectors(model: Module, loader: Any, layer: str | None) -> Iterator[np.ndarray]:
    device = next((p.device for p in model.parameters()), "cpu")
    seen: list[Any] = []
    remove = _hook(model, layer, seen)
    try:
        with evaluating(model):
            for images, _ in loader:
                seen.clear()
                model(Tensor(images).to(device))
                if not seen:
                    raise ValueError(
                        f"extract_features: the layer must be called in eval mode, got {layer!r}, "
                        "which is not; choose another"
                    )
                yield _flat(seen[-1].numpy())
    finally:
        remove()


def _hook(model: Module, layer: str | None, seen: list[Any]) -> Callable[[], None]:
    if layer is not None:
        module = model.get_submodule(layer)
        return module.register_forward_hook(lambda m, x, y: seen.append(y))
    heads = getattr(model, "head_paths", None)
    if not heads:
        paths = [path for path, _ in model.named_modules() if path]
        raise ValueError(
            f"extract_features: the layer must be named for a {type(model).__name__}, got none; "
            f"for instance layer={paths[-2] if len(paths) > 1 else ''!r}"
        )
    head = model.get_submodule(heads[0])
    return head.register_forward_pre_hook(lambda m, x: seen.append(x[0]))


def _flat(y: np.ndarray) -> np.ndarray:
    """(N, D) stays; (N, D, H, W) is averaged over H and W; (N, L, D) over the places L."""
    if y.ndim == 4:
        y = y.mean((2, 3))
    elif y.ndim == 3:
        y = y.mean(1)
    return np.ascontiguousarray(y, np.float32)


def _check_order(loader: DataLoader) -> None:
    wrong = [name for name in ("shuffle", "drop_last", "sampler") if getattr(loader, name, None)]
    if wrong:
        raise ValueError(
            f"extract_features: the loader must give every image once, in order, got "
            f"{wrong[0]}={getattr(loader, wrong[0])!r}; build it with DataLoader(dataset, 64)"
        )


def _read(path: Path, n: int, say: Callable[[str], Any]) -> np.ndarray | None:
    """The features of a file, None where there is none or it is of no use."""
    if not path.exists():
        return None
    try:
        found = weights.load(path)["features"]
        if found.ndim == 2 and len(found) == n and found.dtype == np.float32:
            return found
        problem = f"it holds {found.dtype} of shape {found.shape}"
    except (ValueError, KeyError, OSError) as error:
        problem = str(error)
    say(f"{path}: features must be read from here, but {problem}; computing them again")
    return None
