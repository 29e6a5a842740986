"""3x3 convolutions with set_precision("fast"), beside our exact ones and torch's.

Layers of VGG and ResNet, float32: the forward pass and the gradient of the input as in training,
where the filters are transformed in every call, and the forward pass as in inference, where they
are kept. Then whole networks. GFLOP/s count the plain sum's multiply-adds.
"""

from collections.abc import Iterator
from functools import partial

from minicnn import Tensor, nn, no_grad, ops, set_precision
from minicnn.nn.folded import FoldedConv2d

from .contestants import Step, has, images, inferences, training_steps
from .harness import Row, compare
from .ops import SECONDS, Case, functional, our_run, torch_run
from .peak import peak
from .report import LAST, OURS

FAST = "minicnn, fast"
SHAPES = (  # n, channels, filters, size
    (64, 32, 32, 32), (64, 64, 64, 32), (64, 128, 128, 16), (64, 256, 256, 8), (64, 512, 512, 4),
    (1, 64, 64, 56), (1, 128, 128, 28), (1, 256, 256, 14), (1, 512, 512, 7), (8, 256, 256, 14),
)  # fmt: skip


def rows() -> Iterator[Row]:
    limit = peak()
    for shape in SHAPES:
        case = layer(*shape)
        for part, wanted in ("forward", None), ("input gradient", 0):
            runs = {OURS: our_run(case, wanted)}
            yield compare(f"{case.name}, {part}", with_peers(runs, case, wanted),
                          seconds=SECONDS, work=case.work, peak=limit)  # fmt: skip
        runs = with_peers({OURS: inference(case)}, case, None)
        yield compare(f"{case.name}, inference", runs, seconds=SECONDS, work=case.work, peak=limit)
    yield compare(
        "train vgg11_bn_cifar b64", with_fast(training_steps("vgg11_bn_cifar", 64, (LAST,)))
    )
    for name, batch in ("vgg16", 1), ("vgg16", 8), ("resnet18", 1):
        yield compare(f"infer {name} b{batch}", with_fast(inferences(name, batch)))


def layer(n: int, c: int, o: int, size: int) -> Case:
    pair = partial(ops.conv2d, padding=1), partial(functional("conv2d"), padding=1)
    arrays, work = (images(n, c, size, size), images(o, c, 3, 3)), 2.0 * n * o * c * size**2 * 9
    return Case(f"conv 3x3 ({n}, {c}, {size}, {size}) to {o}", *pair, arrays, work=work)


def inference(case: Case) -> Step:
    x, weight = case.arrays
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False)
    folded, x = FoldedConv2d(conv), Tensor(x)

    def run() -> Tensor:
        with no_grad():
            return folded(x)

    return run


def with_peers(runs: dict[str, Step], case: Case, wanted: int | None) -> dict[str, Step]:
    return with_fast(runs) | ({LAST: torch_run(case, wanted, True)} if has("torch") else {})


def with_fast(runs: dict[str, Step]) -> dict[str, Step]:
    """The same contestants, and ours once more with less precision."""

    def run() -> object:
        with set_precision("fast"):
            return runs[OURS]()

    return runs | {FAST: run}
