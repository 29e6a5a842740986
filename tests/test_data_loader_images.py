"""What a loader makes of bytes, pictures of PIL, results of transforms, and of other things."""

import numpy as np
import pytest

from minicnn import Tensor
from minicnn.data import DataLoader, Dataset, SampleError, presets
from tests.photos import Photos, photos

PIL = pytest.importorskip("PIL.Image", reason="needs: pip install pillow")
RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (7, 3, 4, 5), np.uint8)
UNIT = BYTES.astype(np.float32) / 255


def toy(images: np.ndarray = BYTES) -> Dataset:
    return Dataset(images, np.arange(len(images)) % 2, ["a", "b"], "toy")


def only_batch(data, **options) -> np.ndarray:
    ((images, _),) = DataLoader(data, 100, **options)
    assert images.dtype == np.float32
    return images


@pytest.mark.parametrize("images", [BYTES, UNIT], ids=["bytes", "float32"])
@pytest.mark.parametrize("transform", [None, lambda image, rng: image], ids=["cut", "one by one"])
def test_a_batch_of_a_dataset_is_in_the_unit_range(images, transform):
    assert np.array_equal(only_batch(toy(images), transform=transform), UNIT)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "RGBA", "1", "LA"])
def test_pictures_of_any_mode(mode, tmp_path):
    picture = PIL.fromarray(BYTES[0].transpose(1, 2, 0)).convert(mode)
    expected = np.asarray(picture if mode == "L" else picture.convert("RGB"), np.float32) / 255

    class OnePicture(Photos):
        def __getitem__(self, i: int):
            return picture, 0

    found = only_batch(OnePicture(["x"]))[0]
    assert np.array_equal(found, np.atleast_3d(expected).transpose(2, 0, 1))


@pytest.mark.parametrize(
    "transform",
    [
        lambda image, rng: np.asarray(image).transpose(2, 0, 1).astype(np.float32) / 255,
        lambda image, rng: np.asarray(image) / 255,  # float64, channels last
        lambda image, rng: np.asarray(image).astype(np.float32) / 255,
        lambda image, rng: PIL.fromarray(np.asarray(image)),
        lambda image, rng: np.asarray(image),
    ],
)
def test_what_a_transform_may_return(transform):
    found = only_batch(toy(), transform=transform)
    np.testing.assert_allclose(found, UNIT, atol=1e-7)


def test_a_plane_gets_its_channel():
    found = only_batch(toy(), transform=lambda image, rng: np.asarray(image)[:, :, 1])
    assert np.array_equal(found, UNIT[:, 1:2])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "an image must be a NumPy array or of PIL, got NoneType"),
        ("x.jpg", "got str"),
        (np.zeros((3, 4, 5), np.int64), "an image must be uint8 or floating point, got int64"),
        (np.zeros((3, 4, 5), bool), "got bool"),
        (np.zeros((2, 3, 4, 5), np.float32), "(C, H, W) or (H, W, C) with no empty axis, got (2,"),
        (np.zeros((3, 0, 5), np.float32), "got (3, 0, 5); end the transform with ToArray()"),
        (np.zeros(5, np.float32), "got (5,)"),
    ],
)
def test_refuses_other_results(result, message):
    with pytest.raises(SampleError) as caught:
        only_batch(toy(), transform=lambda image, rng: result)
    assert message in str(caught.value) and "image 0 of toy" in str(caught.value)


def test_lazy_pictures_are_decoded_by_the_loader(tmp_path):
    """A data set may return what `PIL.Image.open` gives, which reads the file later."""
    data = photos(tmp_path, 3)

    class Lazy(Photos):
        def __getitem__(self, i: int):
            return PIL.open(self.paths[i]), 0

    assert np.array_equal(only_batch(Lazy(data.paths), workers=2), only_batch(data))
    data.paths[1].write_bytes(data.paths[1].read_bytes()[:-20])
    with PIL.open(data.paths[1]) as image:
        assert image.size == (6, 5)  # what is missing shows later
    loader = DataLoader(Lazy(data.paths), on_error="skip", transform=lambda image, rng: image)
    assert [labels.tolist() for _, labels in loader] == [[0, 2]]


@pytest.mark.parametrize("transform", [None, lambda image, rng: image])
def test_labels_of_several_classes(transform):
    labels = (RNG.random((7, 3)) < 0.5).astype(np.float32)
    data = Dataset(BYTES, labels, ["a", "b", "c"], "several")
    loader = DataLoader(data, 3, shuffle=True, transform=transform)
    found = [labels for _, labels in loader]
    assert [part.shape for part in found] == [(3, 3), (3, 3), (1, 3)]
    order = np.random.default_rng([0, 0]).permutation(7)
    assert np.array_equal(np.concatenate(found), labels[order])
    assert all(part.dtype == np.float32 for part in found)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"workers": -1}, ValueError, "DataLoader: workers must be at least 0, got -1"),
        ({"workers": 1.0}, TypeError, "DataLoader: workers must be a whole number"),
        ({"prefetch": 0}, ValueError, "DataLoader: prefetch must be at least 1, got 0"),
        ({"on_error": "ignore"}, ValueError, 'on_error must be "raise" or "skip", got \'ignore\''),
        ({"transform": [min, max]}, TypeError, "transform must be callable, got list; join sever"),
        ({"augment": 3}, TypeError, "DataLoader: augment must be callable, got int"),
    ],
)
def test_refuses_options(options, error, message):
    with pytest.raises(error) as caught:
        DataLoader(toy(), **options)
    assert message in str(caught.value)


class Incomplete:
    """No data set yet."""

    def __init__(self, **parts: object) -> None:
        self.__dict__.update(parts)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        return np.zeros((2, 2, 3), np.uint8), 0


def test_a_data_set_of_ones_own_is_told_what_it_lacks():
    with pytest.raises(TypeError, match="got Incomplete; .* or give a class of your own labels, s"):
        DataLoader(Incomplete())
    with pytest.raises(ValueError, match=r"a row for each of at least one image, got \(3,\) for 2"):
        DataLoader(Incomplete(labels=np.zeros(3), source=str))
    with pytest.raises(ValueError, match="got list for 2 images"):
        DataLoader(Incomplete(labels=[0, 1], source=str))
    ((_, labels),) = DataLoader(Incomplete(labels=np.array([4, 5]), source=str))
    assert labels.tolist() == [4, 5]


def test_an_empty_data_set():
    with pytest.raises(ValueError, match="at least one image, got \\(0,\\) for 0 images"):
        DataLoader(Photos([]))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [32, 24])  # prepared as whole batches, and one by one
def test_batches_lie_in_memory_as_convolutions_read_them(training, size):
    """Channels last, so that the first convolution copies nothing."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, size, size), np.uint8)
    dataset = Dataset(pixels, np.zeros(6, np.int64), ["a", "b"], "some")
    steps = presets.get("cifar10").steps(dataset, training)
    assert (steps["transform"] is None) == (size == 32)
    for images, _ in DataLoader(dataset, 4, **steps):
        assert Tensor(images).data.transpose(0, 2, 3, 1).flags.c_contiguous
