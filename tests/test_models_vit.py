"""Vision Transformer: blocks and whole nets against torch, gradients, counts, options."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import vit
from minicnn.testing import gradcheck, gradgradcheck
from tests.torch_parity import assert_same_as_torch

RANDOM = np.random.default_rng(5)
NARROW = {
    "image_size": 8, "patch_size": 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 6,
    "mlp_dim": 10, "num_classes": 3,
}  # fmt: skip


def randomised(model: nn.Module) -> nn.Module:
    """With weights everywhere: heads, class token and biases start as zeros."""
    for p in model.parameters():
        p.data[...] = RANDOM.standard_normal(p.shape) * 0.4
    return model


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def torch_block(torch, heads, hidden, mlp):
    t = torch.nn

    class Block(t.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = t.LayerNorm(hidden, 1e-6)
            self.attention = t.MultiheadAttention(hidden, heads, batch_first=True)
            self.norm2 = t.LayerNorm(hidden, 1e-6)
            self.mlp = t.Sequential(t.Linear(hidden, mlp), t.GELU(), t.Linear(mlp, hidden))

        def forward(self, x):
            z = self.norm1(x)
            x = x + self.attention(z, z, z, need_weights=False)[0]
            return x + self.mlp(self.norm2(x))

    return Block()


def torch_vit(torch, channels, size, patch, layers, heads, hidden, mlp, classes):
    t = torch.nn

    class Encoder(t.Module):
        def __init__(self):
            super().__init__()
            self.places = t.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, hidden))
            blocks = (torch_block(torch, heads, hidden, mlp) for _ in range(layers))
            self.blocks = t.Sequential(*blocks)
            self.norm = t.LayerNorm(hidden, 1e-6)

        def forward(self, x):
            return self.norm(self.blocks(x + self.places))

    class Net(t.Module):
        def __init__(self):
            super().__init__()
            self.token = t.Parameter(torch.zeros(1, 1, hidden))
            self.patches = t.Conv2d(channels, hidden, patch, patch)
            self.encoder = Encoder()
            self.head = t.Linear(hidden, classes)

        def forward(self, x):
            # patch by patch, the rows of the image one after the other
            rows = [
                self.patches(x[:, :, i : i + patch, j : j + patch])[:, None, :, 0, 0]
                for i in range(0, size, patch)
                for j in range(0, size, patch)
            ]
            token = self.token.repeat(len(x), 1, 1)
            return self.head(self.encoder(torch.cat([token, *rows], 1))[:, 0])

    return Net()


def test_encoder_block_is_that_of_torch(torch):
    assert_same_as_torch(vit.EncoderBlock(2, 8, 12), torch_block(torch, 2, 8, 12), (2, 5, 8))


@pytest.mark.parametrize("channels", [3, 1])
def test_whole_net_is_that_of_torch(torch, channels):
    ours = vit.VisionTransformer(in_channels=channels, **NARROW)
    theirs = torch_vit(torch, channels, 8, 4, 2, 2, 6, 10, 3)
    assert_same_as_torch(ours, theirs, (2, channels, 8, 8))


def test_a_stem_of_convolutions_is_that_of_torch(torch):
    """The patches of 4 pixels are cut from maps of a half and of a quarter of the size."""
    t = torch.nn
    for stem in ((5,), (5, 7)):
        sizes = {"image_size": 16, "patch_size": 4, "hidden_dim": 6, "num_heads": 2, "mlp_dim": 10}
        ours = vit.VisionTransformer(3, 2, num_layers=1, conv_stem=stem, **sizes)
        scale = 2 ** len(stem)
        inner = torch_vit(torch, stem[-1], 16 // scale, 4 // scale, 1, 2, 6, 10, 3)
        token = inner.token
        del inner.token  # the state dict of ours begins with it
        inputs = (2, *stem)
        layers = []
        for i, o in zip(inputs, stem, strict=False):
            layers += [t.Conv2d(i, o, 3, 2, 1, bias=False), t.BatchNorm2d(o), t.ReLU()]

        class Stemmed(t.Module):
            def __init__(self, token, layers, inner):
                super().__init__()
                self.token, self.stem, self.inner = token, t.Sequential(*layers), inner

            def forward(self, x):
                self.inner.__dict__["token"] = self.token
                return self.inner(self.stem(x))

        assert_same_as_torch(ours, Stemmed(token, layers, inner), (2, 2, 16, 16))


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_gradients_of_a_block(check):
    x = Tensor(RANDOM.standard_normal((2, 3, 4)), requires_grad=True)
    block = randomised(vit.EncoderBlock(2, 4, 6))
    assert check(block, x, max_entries=30, directions=3).ok


def test_gradients_of_a_whole_net():
    x = Tensor(RANDOM.standard_normal((2, 3, 8, 8)), requires_grad=True)
    model = randomised(vit.VisionTransformer(**NARROW))
    report = gradcheck(model, x, max_entries=1, directions=3)
    assert report.ok and len(report.inputs) == 1 + 4 + 2 * 12 + 2 + 2


def test_published_counts():
    """torchvision's `ViT_B_16_Weights.IMAGENET1K_V1.meta`: 86,567,656 parameters, 17.564 GMAC."""
    with nn.init.skip():
        model = vit.vit_b_16()
    assert sum(p.numel() for p in model.parameters()) == 86_567_656
    # One layer's products per image, from the paper's equations: L = 197 places, E = 768, M = 3072
    block = 197 * 768 * (4 * 768 + 2 * 3072) + 2 * 197 * 197 * 768
    rows = summary.summarize(vit.vit_b_16(num_layers=1), (1, 3, 224, 224))
    one_layer = summary.total(rows).multiply_adds
    assert one_layer == 196 * 768 * 768 + block + 768 * 1000
    assert round((one_layer + 11 * block) / 1e6) == 17_564


def test_first_weights():
    """The head, the class token and biases are zeros, so the first logits are; see torchvision."""
    manual_seed(0)
    model = vit.vit_tiny_cifar()
    with no_grad():
        y = model(Tensor(RANDOM.standard_normal((2, 3, 32, 32)).astype(np.float32)))
    assert np.array_equal(y.numpy(), np.zeros((2, 10)))
    state = model.state_dict()
    assert not state["class_token"].any() and not state["conv_proj.bias"].any()
    assert abs(state["conv_proj.weight"].std() * np.sqrt(64) - 1) < 0.05
    assert abs(state["encoder.pos_embedding"].std() / 0.02 - 1) < 0.05
    mlp = "encoder.layers.encoder_layer_0.mlp."
    fan_out, fan_in = state[mlp + "0.weight"].shape
    bound = np.sqrt(6 / (fan_in + fan_out))
    assert 0.99 * bound < abs(state[mlp + "0.weight"]).max() <= bound
    assert 0 < abs(state[mlp + "3.bias"]).max() < 1e-5


def test_options():
    model = vit.vit_tiny_cifar(
        7, in_channels=1, image_size=16, patch_size=8, num_layers=3, num_heads=2, hidden_dim=12,
        mlp_dim=20, dropout=0.3, attention_dropout=0.2,
    )  # fmt: skip
    with no_grad():
        assert model(Tensor(np.ones((2, 1, 16, 16), np.float32))).shape == (2, 7)
    assert model.encoder.pos_embedding.shape == (1, 5, 12)
    assert list(vars(model.encoder.layers))[-1] == "encoder_layer_2"
    for block in model.encoder.layers:
        assert block.self_attention.num_heads == 2 and block.self_attention.dropout == 0.2
        assert [block.dropout.p, block.mlp[2].p, block.mlp[4].p] == [0.3] * 3
        assert block.mlp[0].out_features == 20
    assert model.encoder.dropout.p == 0.3


def test_dropout_is_for_training_alone():
    model = randomised(vit.VisionTransformer(dropout=0.5, **NARROW))
    plain = vit.VisionTransformer(**NARROW)
    plain.load_state_dict(model.state_dict())
    x = Tensor(RANDOM.standard_normal((2, 3, 8, 8)).astype(np.float32))
    with no_grad():
        assert np.array_equal(model.eval()(x).numpy(), plain(x).numpy())
        assert not np.allclose(model.train()(x).numpy(), plain(x).numpy())


def test_head_path():
    model = vit.VisionTransformer(**NARROW)
    assert [model.get_submodule(path) for path in model.head_paths] == [model.heads.head]


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 3, 8, 4), (3, 8, 8)])
def test_images_of_another_size_are_refused(shape):
    model = vit.VisionTransformer(**NARROW)
    with pytest.raises(ValueError, match=r"VisionTransformer: images must be \(N, C, 8, 8\), got "):
        model(Tensor(np.ones(shape, np.float32)))


def test_patches_must_fill_the_image():
    with pytest.raises(ValueError, match="image_size must be a multiple of patch_size.*got .*30"):
        vit.vit_tiny_cifar(image_size=30)
    with pytest.raises(ValueError, match=r"patch_size=4, conv_stem=\(8, 8, 8\)"):
        vit.vit_tiny_cifar(conv_stem=(8, 8, 8))
