"""Weights into models: by name from a real server, by path, half-matching; heads and backbones."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, models, no_grad, ops, optim, train, weights
from minicnn.models import Preset, pretrained, published
from tests.checkpoints import archive, mapping, storage, tensor
from tests.web import serve

SMALL = {"width_mult": 0.25}


def checkpoint(state: dict[str, np.ndarray]) -> bytes:
    """A state dict as torch.save writes it."""
    kinds = {"float32": "FloatStorage", "int64": "LongStorage"}
    tensors, storages = {}, {}
    for i, (key, array) in enumerate(state.items()):
        kept = storage(str(i), array.size, kinds[str(array.dtype)])
        strides = [s // array.itemsize for s in array.strides]
        tensors[key], storages[str(i)] = tensor(kept, array.shape, strides), array.tobytes()
    return archive(mapping(**tensors), storages)


def numbers(name: str, seed: int = 0, **options) -> dict[str, np.ndarray]:
    """A state dict of random numbers, in the shapes of a model."""
    rng = np.random.default_rng(seed)
    with minicnn.nn.init.skip():
        model = models.create(name, **options)
    return {key: rng.uniform(0.5, 1.5, x.shape).astype(x.dtype) for key, x in model.named_state()}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A server with published files, and an empty cache: publish(name, state, **more)."""
    folder, cache = tmp_path / "site", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(pretrained, "cache_folder", lambda kind: cache / kind)

    def publish(name: str, state: dict[str, np.ndarray], **more) -> Path:
        content = checkpoint(state)
        digest = hashlib.sha256(content).hexdigest()
        file = f"{name}-{more.pop('digest', digest[:8])}.pth"
        (folder / file).write_bytes(content)
        entry = published.Published(file, 70.0, 90.0, **more)
        monkeypatch.setitem(published.WEIGHTS, (name, published.V1), entry)
        return cache / "weights" / file

    with serve(folder) as url:
        monkeypatch.setattr(pretrained, "MIRRORS", (url,))
        yield publish


def same(model, state) -> bool:
    return all(np.array_equal(x.numpy(), state[key]) for key, x in model.named_state())


def test_published_weights_are_downloaded_once(site, capfd):
    state = numbers("squeezenet1_1")
    preset = Preset(crop=192, resize=200, interpolation="bicubic")
    path = site("squeezenet1_1", state, preset=preset)
    model = models.create("squeezenet1_1", weights="IMAGENET1K_V1")
    assert same(model, state) and path.is_file()
    assert model.preset == preset and model.classes[258] == "Samoyed"
    assert capfd.readouterr().err.startswith("downloading http://127.0.0.1")
    assert same(models.create("squeezenet1_1", weights="DEFAULT"), state)
    assert capfd.readouterr().err == ""
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_wrong_checksum_is_refused(site):
    path = site("squeezenet1_1", numbers("squeezenet1_1"), digest="00000000")
    with pytest.raises(FileNotFoundError, match="wrong checksum.*give its path as weights"):
        models.create("squeezenet1_1", weights="IMAGENET1K_V1")
    assert not path.exists() and not list(path.parent.iterdir())


def test_no_network(site, monkeypatch):
    monkeypatch.setattr(pretrained, "MIRRORS", ("http://127.0.0.1:9",))
    with pytest.raises(FileNotFoundError, match=r"resnet18-f37072fd.pth.*check the network"):
        models.create("resnet18", weights="IMAGENET1K_V1")


def test_options_that_published_weights_need(site):
    state = numbers("googlenet")
    site("googlenet", state, options={"transform_input": True})
    model = models.create("googlenet", weights="IMAGENET1K_V1")
    assert model.transform_input and same(model, state)
    with pytest.raises(ValueError, match="transform_input=True, got transform_input=False; leave"):
        models.create("googlenet", weights="IMAGENET1K_V1", transform_input=False)


def test_every_published_file_has_a_checksum_and_a_model():
    for (model, name), entry in published.WEIGHTS.items():
        assert model in models.list() and name in models.info(model).weights
        assert len(entry.sha256) >= 8 and int(entry.sha256, 16) >= 0, entry.file
        assert 50 < entry.acc1 < entry.acc5 < 100
    assert len(published.WEIGHTS) == 46
    assert models.info("resnet50").weights == ("IMAGENET1K_V1", "IMAGENET1K_V2")
    assert published.WEIGHTS["resnet18", published.V1].sha256 == "f37072fd"


def test_the_densenets_old_names(tmp_path):
    state = numbers("densenet121")
    for part in ("norm", "conv"):
        state = {
            key.replace(f"{part}1.", f"{part}.1.").replace(f"{part}2.", f"{part}.2.")
            if "denselayer" in key else key: array
            for key, array in state.items()
        }  # fmt: skip
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    weights.save(tmp_path / "old.npz", state)
    model = models.create("densenet121", weights=tmp_path / "old.npz")
    key = "features.denseblock4.denselayer16.conv2.weight"
    assert np.array_equal(dict(model.named_state())[key].numpy(), state[key.replace("v2", "v.2")])


def test_counters_of_batches_may_be_missing(tmp_path):
    state = {k: a for k, a in numbers("resnet20").items() if not k.endswith("_tracked")}
    weights.save(tmp_path / "a.safetensors", state)
    assert models.create("resnet20", weights=tmp_path / "a.safetensors").num_classes == 10
    models.create("resnet20").load_state_dict(state)


def test_classes_of_the_file_and_of_the_caller(tmp_path):
    state = numbers("resnet20", num_classes=5)
    path = tmp_path / "five.npz"
    weights.save(path, state)
    assert models.create("resnet20", weights=path).num_classes == 5
    assert same(models.create("resnet20", weights=path, num_classes=5), state)
    with pytest.raises(ValueError) as caught:
        models.create("resnet20", weights=path, num_classes=3)
    text = str(caught.value)
    assert "num_classes must be 5 as in weights" in text and "new_head=True" in text
    assert "fc.weight (5, 64) for (3, 64)" in text and "fc.bias (5,) for (3,)" in text
    minicnn.manual_seed(0)
    model = models.create("resnet20", weights=path, num_classes=3, new_head=True)
    own = dict(model.named_state())
    assert own["fc.weight"].shape == (3, 64) and own["fc.weight"].numpy().std() > 0.01
    assert np.array_equal(own["conv1.weight"].numpy(), state["conv1.weight"])


def test_options_without_which_it_makes_no_sense(tmp_path):
    for options in ({"new_head": True}, {"prefix": "module."}, {"key": "model"}):
        with pytest.raises(ValueError, match="are for weights, got none; add weights="):
            models.create("resnet20", **options)
    weights.save(tmp_path / "a.npz", numbers("resnet20"))
    with pytest.raises(ValueError, match="for how many classes; add num_classes="):
        models.create("resnet20", weights=tmp_path / "a.npz", new_head=True)
    with pytest.raises(TypeError, match="create: resnext50_32x4d sets groups itself"):
        models.create("resnext50_32x4d", groups=3)
    with pytest.raises(TypeError, match="state must map names to arrays, got NoneType"):
        models.load_weights(models.create("resnet20"), None)


def test_auxiliary_heads_are_taken_or_left(tmp_path):
    """torchvision leaves them out where it is told to, and adds them where the file has them."""
    state = numbers("googlenet_cifar", aux_logits=True)
    path = tmp_path / "aux.npz"
    weights.save(path, state)
    model = models.create("googlenet_cifar", weights=path)
    assert same(model, state) and model.aux1 is not None
    model = models.create("googlenet_cifar", weights=path, aux_logits=False)
    assert same(model, state) and model.aux1 is None
    weights.save(path, {k: a for k, a in state.items() if not k.startswith("aux")})
    assert models.create("googlenet", weights=path, width_mult=0.25, small_images=True).aux1 is None
    model = models.create("googlenet_cifar", weights=path, num_classes=3, new_head=True)
    assert model.num_classes == 3


def test_published_names_of_cifar_resnets(tmp_path):
    state = numbers("resnet20", shortcut="B")
    renamed = {key.replace("fc.", "linear."): array for key, array in state.items()}
    weights.save(tmp_path / "b.npz", {f"module.{key}": array for key, array in renamed.items()})
    model = models.create("resnet20", weights=tmp_path / "b.npz", prefix="module.")
    assert same(model, state) and "layer2.0.downsample.0.weight" in state


def test_presets_of_local_files(tmp_path):
    sizes = {"image_size": 32, "patch_size": 8, "hidden_dim": 8, "num_heads": 2, "mlp_dim": 8,
             "num_layers": 1}  # fmt: skip
    for name, options, crop in (("vit_b_16", sizes, 32), ("mobilenet_v1_cifar", SMALL, None),
                                ("resnet18", SMALL, 224), ("mobilenet_v1_025", {}, 224),
                                ("resnet18", SMALL | {"in_channels": 1}, None)):  # fmt: skip
        weights.save(tmp_path / "w.npz", numbers(name, **options))
        preset = models.create(name, weights=tmp_path / "w.npz", **options).preset
        assert (preset and preset.crop) == crop
        assert preset is None or (preset.mean[0] == 0.5) == (name == "mobilenet_v1_025")


def test_a_head_that_is_none(tmp_path):
    for shape in ((), (0, 64), (64,)):
        state = numbers("resnet20") | {"fc.weight": np.zeros(shape, np.float32)}
        weights.save(tmp_path / "w.npz", state)
        with pytest.raises(ValueError, match=r"1 of another shape: fc.weight \("):
            models.create("resnet20", weights=tmp_path / "w.npz")


def test_what_an_interrupted_download_left_is_not_taken(site):
    state = numbers("squeezenet1_1")
    path = site("squeezenet1_1", state)
    path.parent.mkdir(parents=True)
    for name in (f"{path.name}.part", f".{path.name}.{os.getpid()}.part"):
        (path.parent / name).write_bytes(b"half")
    assert same(models.create("squeezenet1_1", weights="DEFAULT"), state)


def test_a_prefix_is_advised_and_taken_away(tmp_path):
    state = numbers("resnet20")
    path = tmp_path / "parallel.npz"
    weights.save(path, {f"module.{key}": array for key, array in state.items()})
    with pytest.raises(ValueError, match='names begin with "module.": load them with prefix'):
        models.create("resnet20", weights=path)
    assert same(models.create("resnet20", weights=path, prefix="module."), state)


def test_half_matching_weights_are_reported_by_key():
    model, state = models.create("resnet20"), numbers("resnet20")
    before = model.state_dict()
    del state["bn1.bias"]
    state["fc.weight"] = np.zeros((10, 32), np.float32)
    state |= {f"other{i}": np.zeros(1) for i in range(9)}
    with pytest.raises(ValueError) as caught:
        models.load_weights(model, state)
    assert all(np.array_equal(before[k], a) for k, a in model.state_dict().items())
    text = str(caught.value)
    for part in ("1 missing: bn1.bias", "9 not in the model: other0, other1",
                 "and 3 more", "1 of another shape: fc.weight (10, 32) for (10, 64)",
                 "strict=False"):  # fmt: skip
        assert part in text
    report = models.load_weights(model, state, strict=False)
    assert report.missing == ["bn1.bias"] and len(report.unexpected) == 9 and not report.ok
    assert report.wrong_shape == [("fc.weight", (10, 64), (10, 32))]
    after = model.state_dict()
    assert np.array_equal(after["bn1.bias"], before["bn1.bias"])
    assert np.array_equal(after["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"])
    with pytest.raises(ValueError, match="0 that fit"):
        models.load_weights(model, {"a": np.zeros(3)}, strict=False)


def test_foreign_weights(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="a file or one of IMAGENET1K_V1, IMAGENET1K_V2, got"
    ):
        models.create("resnet50", weights="IMAGENET1K_V9")
    for name in ("IMAGENET1K_V1", "DEFAULT"):
        with pytest.raises(FileNotFoundError, match=f"none is published by name, got '{name}'"):
            models.create("resnet20", weights=name)
    with pytest.raises(FileNotFoundError, match=r"\(a folder\)"):
        models.create("resnet20", weights=tmp_path)
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>404</html>", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.pth"):
        models.create("resnet20", weights=tmp_path / "page.pth")
    weights.save(tmp_path / "vgg.npz", {"features.0.weight": np.zeros((4, 3, 3, 3), np.float32)})
    with pytest.raises(ValueError, match="0 that fit.*missing: conv1.weight"):
        models.create("resnet20", weights=tmp_path / "vgg.npz")


def test_a_file_with_its_published_name_brings_its_preset(tmp_path):
    path = tmp_path / "efficientnet_b1-c27df63c.pth"
    path.write_bytes(checkpoint(numbers("efficientnet_b1")))
    preset = models.create("efficientnet_b1", weights=path).preset
    assert (preset.crop, preset.resize, preset.interpolation) == (240, 255, "bilinear")
    copy = path.rename(tmp_path / "mine.pth")
    assert models.create("efficientnet_b1", weights=copy).preset.crop == 240


NARROW = {
    "alexnet_cifar": SMALL, "vgg11_bn_cifar": SMALL, "googlenet_cifar": {}, "resnet18": SMALL,
    "inception_v3_cifar": {}, "resnet20": SMALL, "densenet_cifar": {"block_config": (2, 2, 2)},
    "squeezenet_cifar": SMALL, "mobilenet_v1_cifar": SMALL, "mobilenet_v2_cifar": SMALL,
    "mobilenet_v3_cifar": {}, "efficientnet_cifar": SMALL, "vit_tiny_cifar": {},
}  # fmt: skip


def test_a_new_head_has_the_dtype_of_the_net():
    model = models.create("resnet20", width_mult=0.25).double().replace_head(3)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("name", NARROW)
def test_a_new_head_on_a_frozen_backbone(name):
    model = models.create(name, **NARROW[name]).replace_head(4).freeze_backbone().train()
    learning = {key for key, p in model.named_parameters() if p.requires_grad}
    assert learning and all(key.startswith(model.head_paths) for key in learning)
    before = model.state_dict()
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    x = Tensor(np.random.default_rng(0).random((3, 3, 32, 32), np.float32))
    y = model(x)
    y = y[0] if isinstance(y, tuple) else y
    assert y.shape == (3, 4)
    ops.cross_entropy(y, Tensor(np.array([0, 1, 2]))).backward()
    optimizer.step()
    changed = {k for k, a in model.state_dict().items() if not np.array_equal(a, before[k])}
    assert changed and changed <= learning  # no running mean has moved either
    assert model.eval().training is False
    model.freeze_backbone(False).train()
    assert all(p.requires_grad for p in model.parameters())
    assert all(module.training for module in model.modules())


def test_features_by_the_names_of_layers():
    model = models.create("resnet20", width_mult=0.25).eval()
    x = Tensor(np.random.default_rng(0).random((2, 3, 32, 32), np.float32))
    with no_grad():
        found = model.extract(x, ["layer3", "layer1.0.conv1", "avgpool"])
        by_hand = model.layer2(model.layer1(model.relu(model.bn1(model.conv1(x)))))
        by_hand = model.layer3(by_hand)
        again = model(x)
    assert list(found) == ["layer3", "layer1.0.conv1", "avgpool"]
    assert [y.shape for y in found.values()] == [(2, 16, 8, 8), (2, 4, 32, 32), (2, 16, 1, 1)]
    assert np.allclose(found["layer3"].numpy(), by_hand.numpy(), atol=1e-6)
    assert np.array_equal(model(x).numpy(), again.numpy())
    assert list(model.extract(x, "layer1")) == ["layer1"]
    with pytest.raises(ValueError, match="'layer9'; near: layer"):
        model.extract(x, ["layer9"])
    aux = models.create("googlenet_cifar", aux_logits=True).eval()
    with pytest.raises(ValueError, match="got aux1.fc1 that eval mode does not call"):
        aux.extract(x, ["fc", "aux1.fc1"])


DOG = Path(os.environ.get("MINICNN_DATA", "nowhere")) / "dog.jpg"


@pytest.mark.skipif(not DOG.is_file(), reason="needs dog.jpg and weights/ in MINICNN_DATA")
def test_googles_mobilenet_sees_a_samoyed():
    from PIL import Image

    path = DOG.parent / "weights" / "mobilenet_v1_025_224.pth"
    model = models.create("mobilenet_v1_025", weights=path)
    x = model.preset(Image.open(DOG))[None]
    p = train.predict(model, x)[0]
    assert model.classes[p.argmax()] == "Samoyed" and abs(p.max() - 0.545) < 0.001
    with pytest.raises(ValueError, match="trained with tensorflow=True, got tensorflow=False"):
        models.create("mobilenet_v1_025", weights=path, tensorflow=False)
    wrong = models.create("mobilenet_v1_025")  # symmetric padding loses 14 points of accuracy
    wrong.load_state_dict(model.state_dict())
    assert abs(train.predict(wrong, x)[0][258] - 0.545) > 0.1


def test_names_of_classes():
    classes = models.imagenet_classes()
    assert len(classes) == len(set(classes)) == 1000
    assert [classes[i] for i in (0, 258, 281, 999)] == [
        "tench", "Samoyed", "tabby", "toilet tissue"
    ]  # fmt: skip
