"""Features of a layer, their cache on disk, and heads that are trained on them."""

import dataclasses
import os

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn import Tensor, models, nn, no_grad, optim, weights
from minicnn.data import DataLoader, digits
from minicnn.train import Trainer
from minicnn.train.features import Features, extract_features, fingerprint

DIGITS = digits("train").subset(range(50))


def lenet(seed: int = 0) -> models.Network:
    minicnn.manual_seed(seed)
    return models.create("lenet5_small")


def net() -> models.Network:
    minicnn.manual_seed(0)
    return models.create("resnet20", in_channels=1, width_mult=0.25)


def test_the_features_are_what_comes_into_the_head():
    model = lenet().train()
    found = extract_features(model, DataLoader(DIGITS, 16))
    assert found.images.shape == (50, 84) and found.images.dtype == np.float32
    assert np.array_equal(found.labels, DIGITS.labels) and found.classes == DIGITS.classes
    assert model.training  # as it was
    with no_grad():
        head = model.output(Tensor(found.images)).numpy()
        assert np.allclose(head, model.eval()(Tensor(DIGITS.images)).numpy(), atol=1e-5)


def test_maps_are_averaged_over_their_places():
    model = net()
    found = extract_features(model, DataLoader(DIGITS, 16), "layer2")
    with no_grad():
        maps = model.eval().extract(DIGITS.images, "layer2")["layer2"].numpy()
    expected = [[maps[n, c].astype(np.float64).mean() for c in range(8)] for n in range(50)]
    assert np.allclose(found.images, expected, atol=1e-5)
    squeeze = models.create("squeezenet_cifar", in_channels=1, width_mult=0.25)
    large = dataclasses.replace(DIGITS, images=DIGITS.images.repeat(4, 2).repeat(4, 3))
    assert extract_features(squeeze, DataLoader(large, 32)).images.shape == (50, 128)


def test_a_head_is_trained_on_them_by_the_usual_trainer():
    data = extract_features(lenet(), DataLoader(digits("train"), 256))
    head = nn.Linear(84, 10)
    trainer = Trainer(head, optim.Adam(head.parameters(), lr=0.1))
    history = trainer.fit(
        DataLoader(data, 64, shuffle=True), DataLoader(data.subset(range(200)), 100), epochs=5
    )
    assert history[-1].val_accuracy > 0.4  # random convolutions are features too
    assert isinstance(data.subset([3, -1]), Features)
    assert np.array_equal(data.subset([3, -1])[1][0], data[len(data) - 1][0])


def test_the_cache_is_used_and_every_change_makes_another_file(tmp_path):
    loader, model = DataLoader(DIGITS, 16), lenet()
    first = extract_features(model, loader, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    # What stands in the file is what comes back: so it was read.
    weights.save(file, {"features": np.full((50, 84), 7, np.float32)})
    assert (extract_features(model, loader, cache=tmp_path).images == 7).all()
    changed = model.state_dict()
    changed["c1.bias"][0] += 1
    other = lenet()
    other.load_state_dict(changed)
    pixels = DIGITS.images.copy()
    pixels[3, 0, 0, 0] = 1 - pixels[3, 0, 0, 0]
    variants = [
        (other, loader, None), (model, loader, "f6"),
        (model, DataLoader(dataclasses.replace(DIGITS, images=pixels), 16), None),
        (model, DataLoader(DIGITS.subset(range(49, -1, -1)), 16), None),
        (model, DataLoader(DIGITS, 16, transform=Dim(0.5)), None),
        (model, DataLoader(DIGITS, 16, transform=Dim(0.25)), None),
    ]  # fmt: skip
    names = {fingerprint(*variant) for variant in variants} | {fingerprint(model, loader)}
    assert len(names) == 7
    assert fingerprint(lenet(), DataLoader(DIGITS, 7)) == file.stem  # batches do not matter
    assert not (first.images == 7).all()


@dataclasses.dataclass(frozen=True)
class Dim:
    """A transform that its fields describe."""

    factor: float

    def __call__(self, image, rng):
        return image * self.factor


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(p.read_bytes()[:-40]),
        lambda p: p.write_bytes(b"\xff" * 500),
        lambda p: weights.save(p, {"features": np.zeros((3, 84), np.float32)}),
        lambda p: weights.save(p, {"other": np.zeros((50, 84), np.float32)}),
    ],
    ids=["empty", "cut", "noise", "of another size", "another name"],
)
def test_a_damaged_cache_is_said_and_computed_again(tmp_path, damage):
    loader, model, said = DataLoader(DIGITS, 16), lenet(), []
    whole = extract_features(model, loader, cache=tmp_path, say=said.append)
    (file,) = tmp_path.iterdir()
    assert not said
    damage(file)
    again = extract_features(model, loader, cache=tmp_path, say=said.append)
    assert np.array_equal(again.images, whole.images)
    assert len(said) == 1 and said[0].startswith(str(file)) and "computing them again" in said[0]
    assert np.array_equal(weights.load(file)["features"], whole.images)


class Photos:
    """Image files as a data set, as small as it can be."""

    multilabel, classes, name = False, ["a", "b"], "photos"

    def __init__(self, paths) -> None:
        self.paths, self.labels = paths, np.arange(len(paths)) % 2

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int):
        return Image.open(self.paths[i]), self.labels[i]

    def source(self, i: int) -> str:
        return str(self.paths[i])


def test_files_are_told_apart_by_name_size_and_time(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for i, path in enumerate(paths):
        Image.new("L", (8, 8), 40 * i).save(path)
    loader, model = DataLoader(Photos(paths), 2), lenet()
    found = extract_features(model, loader, cache=tmp_path / "cache")
    assert found.images.shape == (4, 84) and found.labels.tolist() == [0, 1, 0, 1]
    before = fingerprint(model, loader)
    os.utime(paths[2], (1, 1))
    assert fingerprint(model, loader) != before
    assert fingerprint(model, DataLoader(Photos(paths[::-1]), 2)) != fingerprint(model, loader)


def test_what_cannot_be_extracted(tmp_path):
    model = lenet()
    for wrong in ({"shuffle": True}, {"drop_last": True}):
        with pytest.raises(ValueError, match=f"every image once, in order, got {[*wrong][0]}"):
            extract_features(model, DataLoader(DIGITS, 16, **wrong))
    with pytest.raises(ValueError, match="target must be the path of a module, got 'f7'; near: "):
        extract_features(model, DataLoader(DIGITS, 16), "f7")
    with pytest.raises(ValueError, match="layer must be named for a Sequential, got none"):
        extract_features(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), DataLoader(DIGITS, 16))
    with pytest.raises(ValueError, match="known by its settings, got <function"):
        loader = DataLoader(DIGITS, 16, augment=lambda images, rng: images)
        extract_features(model, loader, cache=tmp_path)
    model.c1.weight.data[:] = np.nan
    with pytest.raises(ValueError, match="features must be finite, got NaN"):
        extract_features(model, DataLoader(DIGITS, 16))
