"""Bad calls of every op that can be called badly: the message starts with the op's name."""

import numpy as np
import pytest

from minicnn import Tensor, nn, ops

from .op_cases import CASES

ANY_SHAPE = {  # one input of any shape, or a pair of dtypes
    "abs", "astype", "elu", "erf", "exp", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log", "neg", "relu", "relu6", "sigmoid", "silu", "softplus", "sqrt", "tanh",
}  # fmt: skip
PAIRWISE = (
    "add", "sub", "mul", "div", "pow", "maximum", "minimum", "equal", "not_equal", "greater",
    "greater_equal", "less", "less_equal",
)  # fmt: skip


def t(*shape):
    return Tensor(np.ones(shape))


def labels(*values):
    return Tensor(np.array(values))


x = t(2, 3, 4, 4)
BAD = [
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), t(2, 4)), "(2, 3) and (2, 4)")
      for op in PAIRWISE),
    ("where", lambda: ops.where(True, t(2, 3), t(2, 4)), "(2, 3) and (2, 4)"),
    ("where", lambda: ops.where(np.ones(5, bool), t(2, 3), 0.0), "(5,) and (2, 3)"),
    ("clip", lambda: ops.clip(t(2)), "min or max must be given"),
    ("gelu", lambda: ops.gelu(t(2), "sigmoid"), "'sigmoid'"),
    ("dropout", lambda: ops.dropout(t(2), 1.5), "p must lie in [0, 1], got 1.5"),
    ("dropout2d", lambda: ops.dropout2d(t(2, 3)), "(N, C, H, W), got (2, 3)"),
    ("drop_path", lambda: ops.drop_path(t(2), -0.1), "got -0.1"),
    ("sum", lambda: ops.sum(t(2, 3), 2), "dim must lie in [-2, 1], got 2"),
    ("mean", lambda: ops.mean(t(2, 3), -3), "got -3"),
    ("var", lambda: ops.var(t(1)), "needs more than 1 values, got 1"),
    ("var", lambda: ops.var(t(2, 3), (0, 0)), "once, got (0, 0)"),
    ("max", lambda: ops.max(t(2, 0), 1), "no values to choose from"),
    ("min", lambda: ops.min(t(2), 1), "got 1"),
    ("argmax", lambda: ops.argmax(t(2, 3), 2), "got 2"),
    ("argmax", lambda: ops.argmax(t(2, 0), 1), "(2, 0)"),
    ("softmax", lambda: ops.softmax(t(2), 1), "got 1"),
    ("log_softmax", lambda: ops.log_softmax(t(2), 3), "got 3"),
    ("logsumexp", lambda: ops.logsumexp(t(2), 2), "got 2"),
    ("reshape", lambda: ops.reshape(t(2, 3), 4, 2), "must stay 6, got (2, 3) -> (4, 2)"),
    ("reshape", lambda: ops.reshape(t(2, 3), -1, -1), "(2, 3) -> (-1, -1)"),
    ("permute", lambda: ops.permute(t(2, 3), 0), "every axis of (2, 3) must be named once"),
    ("permute", lambda: ops.permute(t(2, 3), 0, 0), "once, got (0, 0)"),
    ("transpose", lambda: ops.transpose(t(2, 3), 0, 2), "got 2"),
    ("flatten", lambda: ops.flatten(t(2, 3), 1, 0), "got 1 and 0"),
    ("squeeze", lambda: ops.squeeze(t(2, 1), 2), "got 2"),
    ("unsqueeze", lambda: ops.unsqueeze(t(2), 3), "got 3"),
    ("expand", lambda: ops.expand(t(2, 3), 4, 3), "(2, 3) -> (4, 3)"),
    ("expand", lambda: ops.expand(t(2, 3), 3), "(2, 3) -> (3,)"),
    ("concat", lambda: ops.concat([t(2, 3), t(2, 4)]), "[(2, 3), (2, 4)]"),
    ("concat", lambda: ops.concat([]), "got none"),
    ("concat", lambda: ops.concat([t(2), t(2, 2)]), "[(2,), (2, 2)]"),
    ("stack", lambda: ops.stack([t(2), t(3)]), "[(2,), (3,)]"),
    ("stack", lambda: ops.stack([]), "[]"),
    ("split", lambda: ops.split(t(5), 0), "at least 1, got 0"),
    ("split", lambda: ops.split(t(5), [2, 2]), "add up to 5 (dim 0), got [2, 2]"),
    ("pad", lambda: ops.pad(t(3), (1,)), "(before, after)"),
    ("pad", lambda: ops.pad(t(3), (1, 1, 1, 1)), "up to 1 axes, got (1, 1, 1, 1)"),
    ("pad", lambda: ops.pad(t(3), (3, 0), "reflect"), "must fit size 3"),
    ("pad", lambda: ops.pad(t(3), (1, 0), "mirror"), "'mirror'"),
    ("crop", lambda: ops.crop(t(3), (2, 2)), "(2, 2)"),
    ("gather", lambda: ops.gather(t(2, 3), 1, labels([3])), "[0, 2]"),
    ("gather", lambda: ops.gather(t(2, 3), 1, labels(0)), "2 axes, got int64 (1,)"),
    ("gather", lambda: ops.gather(t(2, 3), 1, labels([0], [0], [0])), "(3, 1)"),
    ("getitem", lambda: t(2, 3)[2], "(2, 3)"),
    ("getitem", lambda: t(2, 3)[0, 0, 0], "(2, 3)"),
    ("matmul", lambda: ops.matmul(t(2, 3), t(4, 2)), "(2, 3) and (4, 2)"),
    ("matmul", lambda: ops.matmul(t(), t(2)), "() and (2,)"),
    ("matmul", lambda: ops.matmul(t(2, 2, 3), t(3, 3, 2)), "(2,) and (3,)"),
    ("linear", lambda: ops.linear(t(2, 3), t(4, 2)), "x (2, 3) and weight (4, 2)"),
    ("linear", lambda: ops.linear(t(2, 3), t(4, 3), t(3)), "(3,)"),
    ("conv2d", lambda: ops.conv2d(x, t(5, 2, 3, 3)), "x (2, 3, 4, 4), weight (5, 2, 3, 3)"),
    ("conv2d", lambda: ops.conv2d(t(3, 4, 4), t(5, 3, 3, 3)), "(3, 4, 4)"),
    ("conv2d", lambda: ops.conv2d(x, t(5, 3, 5, 5)), "window 5 does not fit input height 4"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 3, 1, 1), t(3)), "bias must have shape (4,), got (3,)"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 1, 1, 1), groups=3), "groups=3"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 3, 3, 3), stride=0), "at least 1, got 0"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 3, 3, 3), padding=-1), "at least 0, got -1"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 3, 3, 3), padding="full"), "'full'"),
    ("conv2d", lambda: ops.conv2d(x, t(4, 3, 3, 3), None, 2, "same"), "stride 1, got (2, 2)"),
    ("conv_transpose2d", lambda: ops.conv_transpose2d(x, t(2, 3, 2, 2)), "weight (2, 3, 2, 2)"),
    ("conv_transpose2d", lambda: ops.conv_transpose2d(x, t(3, 1, 1, 1), padding=3), "(-2, -2)"),
    ("conv_transpose2d", lambda: ops.conv_transpose2d(x, t(3, 1, 1, 1), None, 1, 0, 1), "(1, 1)"),
    ("depthwise_conv2d", lambda: ops.depthwise_conv2d(x, t(4, 1, 2, 2)), "got (4, 1, 2, 2)"),
    ("depthwise_conv2d", lambda: ops.depthwise_conv2d(x, t(3, 3, 2, 2)), "got (3, 3, 2, 2)"),
    ("max_pool2d", lambda: ops.max_pool2d(t(1, 1, 2, 3), 3), "3 does not fit input height 2"),
    ("max_pool2d", lambda: ops.max_pool2d(x, 2, padding=2), "half the kernel (2, 2), got (2, 2)"),
    ("max_pool2d", lambda: ops.max_pool2d(t(4, 4), 2), "got (4, 4)"),
    ("avg_pool2d", lambda: ops.avg_pool2d(x, 0), "at least 1, got 0"),
    ("avg_pool2d", lambda: ops.avg_pool2d(x, 2, divisor_override=0), "must not be 0"),
    ("adaptive_avg_pool2d", lambda: ops.adaptive_avg_pool2d(t(2, 2), 1), "got (2, 2)"),
    ("adaptive_max_pool2d", lambda: ops.adaptive_max_pool2d(x, 0), "at least 1, got 0"),
    ("global_avg_pool2d", lambda: ops.global_avg_pool2d(t(2, 2)), "got (2, 2)"),
    ("global_max_pool2d", lambda: ops.global_max_pool2d(t(2, 2, 0, 1)), "got (2, 2, 0, 1)"),
    ("batch_norm", lambda: ops.batch_norm(t(3), None, None), "got (3,)"),
    ("batch_norm", lambda: ops.batch_norm(x, t(4), t(3)), "running_mean must have one value"),
    ("batch_norm", lambda: ops.batch_norm(t(1, 3), t(3), t(3), None, None, True), "more than one"),
    ("layer_norm", lambda: ops.layer_norm(x, (4, 3)), "must be (4, 3), got (4, 4)"),
    ("layer_norm", lambda: ops.layer_norm(x, 4, t(3)), "weight must be (4,), got (3,)"),
    ("group_norm", lambda: ops.group_norm(x, 2), "got 2 and x (2, 3, 4, 4)"),
    ("group_norm", lambda: ops.group_norm(x, 3, t(2)), "(2,)"),
    ("local_response_norm", lambda: ops.local_response_norm(t(2, 3), 2), "got (2, 3)"),
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), t(3)), "got (2, 3) and (3,)") for op in (
        "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy",
        "binary_cross_entropy_with_logits", "sigmoid_focal_loss")),
    ("mse_loss", lambda: ops.mse_loss(t(2), t(2), "average"), "'average'"),
    ("huber_loss", lambda: ops.huber_loss(t(2), t(2), delta=0.0), "positive, got 0.0"),
    ("smooth_l1_loss", lambda: ops.smooth_l1_loss(t(2), t(2), beta=-1.0), "got -1.0"),
    ("smooth_l1_loss", lambda: ops.smooth_l1_loss(t(2), t(2), "average"), "'average'"),
    ("binary_cross_entropy", lambda: ops.binary_cross_entropy(t(2) * 2, t(2)), "[0, 1], got 2.0"),
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), labels(0, 1, 2)), "(2,) for x (2, 3), got (3,)")
      for op in ("nll_loss", "cross_entropy", "focal_loss")),
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), labels(0, 3)), "[0, 2] for 3 classes, got 3")
      for op in ("nll_loss", "cross_entropy", "focal_loss")),
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), labels(0, -1)), "got -1")
      for op in ("nll_loss", "cross_entropy", "focal_loss")),
    *((op, lambda op=op: getattr(ops, op)(t(2, 3), labels(0, 1), weight=t(2)), "got shape (2,)")
      for op in ("nll_loss", "cross_entropy", "focal_loss")),
    ("cross_entropy", lambda: ops.cross_entropy(t(2, 3), t(2, 2)), "(2, 3) and (2, 2)"),
    ("cross_entropy", lambda: ops.cross_entropy(t(2, 3), labels(0, 1), label_smoothing=2.0), "2.0"),
    ("cross_entropy", lambda: ops.cross_entropy(t(2, 3), labels(0, 1), reduction="avg"), "'avg'"),
    ("nll_loss", lambda: ops.nll_loss(t(2, 3), t(2)), "must be integers, got float64"),
]  # fmt: skip


def test_every_op_that_can_be_called_badly_is_here():
    assert {op for op, _, _ in BAD} | ANY_SHAPE == set(ops.__all__)
    assert not {op for op, _, _ in BAD} & ANY_SHAPE


@pytest.mark.parametrize("op, call, part", BAD, ids=[f"{op}-{part}" for op, _, part in BAD])
def test_bad_calls_name_the_op_and_the_values(op, call, part):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(op) and not message[len(op)].isidentifier(), message
    assert part in message


def test_wrong_channels_name_the_layer():
    with pytest.raises(ValueError, match=r"(?i)conv2d.*\(2, 5, 4, 4\).*\(8, 3, 3, 3\)"):
        nn.Conv2d(3, 8, 3)(t(2, 5, 4, 4))


def test_every_row_of_the_table_has_shapes_that_work():
    assert all(case.example.inputs for case in CASES)
