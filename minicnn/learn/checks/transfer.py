"""Lesson 22: changed images, mixed images, and layers that stay as they are."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import nn, ops, optim, random
from ...kernels import use_kernels
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions
from .transfer_wrong import AUGMENT, FREEZE, MIXUP, head_of, moved, network

__all__ = ["BUGS", "CHECKS"]

SAME, VALIDATION = "Photos that show the same", "Never on what you measure with"
MIXED, FROZEN = "Mixed labels for mixed images", "Statistics move without gradients"
BUGS = (
    Bug(
        "validation-changed", "images outside training are changed", 22, VALIDATION,
        ("What does the accuracy on changed photos say about photos as they come?",
         "Outside training the answer is the batch as it is.",
         "Look at what happens first if training is false."),
    ),
    Bug(
        "same-for-all", "all images of a batch are changed alike", 22, SAME,
        ("How many draws does a batch of 50 images need?",
         "Each image has a dy, a dx and a coin of its own.",
         "Look at the sizes of what you draw."),
    ),
    Bug(
        "wraps-around", "what leaves the image comes in again on the other side", 22, SAME,
        ("What stands in the rows that came in from outside?",
         "Zeros come in; turning an array round brings back what went out.",
         "Look at the function that moves the image."),
    ),
    Bug(
        "border-repeated", "what comes in from outside is not zero", 22, SAME,
        ("What stands in the rows that came in from outside?",
         "Nothing is known of what lies outside: zeros.",
         "Look at the kind of padding."),
    ),
    Bug(
        "mirrored-upside-down", "the images are mirrored along another axis", 22, SAME,
        ("Which axis of (N, C, H, W) goes from left to right?",
         "A mirrored flower stands upright.",
         "Look at the axis that is turned round."),
    ),
    Bug(
        "never-mirrored", "no image is mirrored", 22, SAME,
        ("What is the probability that none of 60 images is mirrored?",
         "Moving is one half of the change, mirroring the other.",
         "Look for the coin of each image."),
    ),
    Bug(
        "always-mirrored", "every image is mirrored", 22, SAME,
        ("What would a network learn that never sees an image as it is?",
         "One image in two is mirrored, by chance.",
         "Look at which images the mirroring is for."),
    ),
    Bug(
        "moves-one-sided", "the moves are not drawn from all of -p to p", 22, SAME,
        ("How many different moves are there, for p = 2?",
         "There are 2 p + 1 in each direction; the largest is one of them.",
         "Look at the ends of the interval that you draw from."),
    ),
    Bug(
        "moves-too-far", "an image is moved by more than p pixels", 22, SAME,
        ("What is the largest move in your result?",
         "There are 2 p + 1 moves in each direction.",
         "Look at the ends of the interval that you draw from."),
    ),
    Bug(
        "other-generator", "the generator that is given does not decide", 22, SAME,
        ("Does the same seed give the same batch?",
         "A training can be repeated only if all chance comes from the generator given.",
         "Look for another source of random numbers."),
    ),
    Bug(
        "targets-not-mixed", "the labels are not mixed with the images", 22, MIXED,
        ("What is the right answer for an image that is half a cat?",
         "The shares of images and targets are the same.",
         "Look at what you return beside the images."),
    ),
    Bug(
        "shares-exchanged", "the two shares are exchanged", 22, MIXED,
        ("With lambda 0.9, which image should one see?",
         "An image keeps the share lambda of its own; the other one adds the rest.",
         "Look at which factor stands beside which image."),
    ),
    Bug(
        "mixed-with-next", "each image is mixed with the one behind it", 22, MIXED,
        ("With which image is the first of the batch mixed?",
         "With the one before, and the first with the last.",
         "Look at the direction in which you turn the batch."),
    ),
    Bug(
        "other-partner", "images and targets are mixed with different neighbours", 22, MIXED,
        ("Whose label belongs to the second image in the blend?",
         "Images and targets are turned in the same way.",
         "Compare the two lines."),
    ),
    Bug(
        "shares-not-one", "the shares do not add up to 1", 22, MIXED,
        ("What is the sum of a row of targets?",
         "Lambda of the one, all the rest of the other.",
         "Look at the two factors."),
    ),
    Bug(
        "weights-moved", "parameters of the frozen layers move", 22, FROZEN,
        ("Which parameters still get gradients?",
         "An optimizer changes every parameter that has a gradient.",
         "Look at which parameters' switch you set."),
    ),
    Bug(
        "statistics-moved", "running statistics of the frozen layers move", 22, FROZEN,
        ("Which numbers of batch norm are no parameters?",
         "In training mode they follow every batch, with or without gradients; the training loop "
         "calls train() again.",
         "Look at the modules: what makes one behave as in use, for good?"),
        ("C77",),
    ),
    Bug(
        "dropout-on", "dropout goes on in the frozen layers", 22, FROZEN,
        ("Are the features of one photo the same in two steps?",
         "Frozen layers behave as in use, and that is not about batch norm alone.",
         "Look at which modules you treat."),
    ),
    Bug(
        "head-frozen", "the head, or a part of it, is frozen too", 22, FROZEN,
        ("What is left that can learn?",
         "The head is a module inside the net; what was switched off for all is switched on for "
         "it, and for the modules inside it.",
         "Look at what you do for the head, after the rest."),
    ),
    Bug(
        "not-at-once", "the net is not in training mode, or not everything is frozen at once", 22,
        FROZEN,
        ("When does a switch of a module take effect?",
         "With the next call of train() or eval().",
         "Look at the last line."),
    ),
)  # fmt: skip
N, PIXELS = 200, 2


def augment(functions: Functions, seed: int) -> Diagnosis:
    """Every image is one of all versions of itself; over the batch, all versions come up."""
    exam = Examination("augment", "training", "validation", "draws")
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.1, 1, (N, 2, 5, 6))
    function = functions["augment"]
    with exam.probe(f"{N} images, p = {PIXELS}"):
        given = images.copy()
        found = function(given, PIXELS, True, np.random.default_rng(seed))
        exam.unchanged(images, given, "images")
        if exam.require(found is not None, "returns-none", "training", "the result is None"):
            _versions(exam, np.asarray(found), images)
        again = function(images.copy(), PIXELS, True, np.random.default_rng(seed))
        other = function(images.copy(), PIXELS, True, np.random.default_rng(seed + 1))
        same = np.array_equal(found, again) and not np.array_equal(found, other)
        exam.require(same, "other-generator", "draws", "the seed of rng does not decide")
    with exam.probe("outside training"):
        found = function(images.copy(), PIXELS, False, np.random.default_rng(seed))
        exam.equal("validation", found, images, {"validation-changed": found})
    with exam.probe("p = 0, mirrored alone"):
        found = np.asarray(function(images.copy(), 0, True, np.random.default_rng(seed)))
        _versions(exam, found, images, 0)
    return exam.diagnosis()


def _versions(exam: Examination, found: np.ndarray, images: np.ndarray, p: int = PIXELS) -> None:
    """Which version each image is: (dy, dx, mirrored)."""
    if found.shape != images.shape:
        exam.wrong("wrong-shape", "training", f"shape {found.shape}, right is {images.shape}")
        return
    versions = list(_all(p))
    fits = [(found == moved(images, *how)).all((1, 2, 3)) for how in versions]
    if not (is_one := np.any(fits, axis=0)).all():
        i = int(np.argmin(is_one))
        exam.wrong(_why(found[i], images[i], p), "training", f"image {i} is no version of itself")
        return
    seen = [versions[k] for k in np.argmax(fits, axis=0)]
    moves = {how[:2] for how in seen}
    told = f"{len(set(seen))} of {2 * (2 * p + 1) ** 2} versions among {N} images"
    mirrored = [how[2] for how in seen]
    if len(set(seen)) == 1 or (p and len(moves) == 1):
        exam.wrong("same-for-all", "training", told)
    elif len(set(mirrored)) == 1:
        exam.wrong("always-mirrored" if mirrored[0] else "never-mirrored", "training", told)
    elif {m[0] for m in moves} != set(range(-p, p + 1)) or len({m[1] for m in moves}) < 2 * p + 1:
        exam.wrong("moves-one-sided", "training", told)
    else:
        share = np.mean(mirrored)
        exam.require(0.3 < share < 0.7, "result-wrong", "training", f"{share:.0%} are mirrored")
        exam.require(not p or any(a != b for a, b in moves), "result-wrong", "training",
                     "dy and dx are always the same")  # fmt: skip


def _all(p: int, also: int = 0) -> Iterator[tuple[int, int, bool]]:
    reach = range(-p - also, p + also + 1)
    return ((dy, dx, flip) for dy in reach for dx in reach for flip in (False, True))


def _why(image: np.ndarray, original: np.ndarray, p: int) -> str:
    """The name of a version that is none."""
    turned = original[:, ::-1]
    for dy, dx, flip in _all(p):
        if np.array_equal(image, moved(turned, dy, dx, False)):
            return "mirrored-upside-down"
        for kind, name in (("wrap", "wraps-around"), ("edge", "border-repeated"),
                           ("reflect", "border-repeated")):  # fmt: skip
            if np.array_equal(image, moved(original, dy, dx, flip, kind)):
                return name
    far = any(np.array_equal(image, moved(original, *how)) for how in _all(p, 2))
    return "moves-too-far" if far else "result-wrong"


def mixup(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("mixup", "images", "targets")
    for n, lam in ((5, 0.7), (3, 0.25), (4, 1.0)):
        rng = np.random.default_rng([seed, n])
        images, targets = rng.standard_normal((n, 2, 3, 4)), np.eye(n + 1)[rng.permutation(n)]
        with exam.probe(f"{n} images, lambda {lam}"):
            given = images.copy(), targets.copy()
            found = functions["mixup"](*given, lam)
            exam.unchanged(images, given[0], "images")
            exam.unchanged(targets, given[1], "targets")
            if not exam.require(found is not None, "returns-none", "images", "it returns None"):
                continue
            for place, values, result in zip(("images", "targets"), (images, targets), found,
                                             strict=True):  # fmt: skip
                before, after = (np.stack([values[(i + k) % n] for i in range(n)]) for k in (-1, 1))
                known = {
                    "targets-not-mixed": values,
                    "shares-exchanged": (1 - lam) * values + lam * before,
                    "mixed-with-next": lam * values + (1 - lam) * after,
                    "shares-not-one": lam * values + lam * before,
                }
                if place == "images":
                    known.pop("targets-not-mixed")
                elif exam.diagnosis().ok:  # the images are right
                    known["other-partner"] = known.pop("mixed-with-next")
                right = lam * values + (1 - lam) * before
                known = {k: v for k, v in known.items() if not np.allclose(v, right)}
                exam.equal(place, result, right, known)
    return exam.diagnosis()


def freeze(functions: Functions, seed: int) -> Diagnosis:
    """Ten steps of training with momentum and weight decay, as training loops go."""
    exam = Examination("freeze", "backbone", "head")
    for first in (True, False):
        random_state = random.get_state()
        random.manual_seed(seed)
        with exam.probe("in training mode" if first else "in eval mode"), use_kernels("numpy"):
            net = network()
            head = head_of(net)
            net.train(first)
            functions["freeze"](net, head)
            _at_once(exam, net, head)
            _ten_steps(exam, net, head, np.random.default_rng(seed))
        random.set_state(random_state)
    return exam.diagnosis()


def _at_once(exam: Examination, net: nn.Module, head: nn.Module) -> None:
    inside = {id(m) for m in head.modules()}
    for path, module in net.named_modules():
        if id(module) in inside:
            exam.require(module.training, "not-at-once" if not module.frozen else "head-frozen",
                         "head", f"{path} is not in training mode")  # fmt: skip
        elif isinstance(module, nn.BatchNorm2d | nn.Dropout):
            name = "statistics-moved" if isinstance(module, nn.BatchNorm2d) else "dropout-on"
            exam.require(module.frozen, name, "backbone", f"{path} is not frozen")
            exam.require(not (module.frozen and module.training), "not-at-once", "backbone",
                         f"{path} is still in training mode")  # fmt: skip


def _ten_steps(
    exam: Examination, net: nn.Module, head: nn.Module, rng: np.random.Generator
) -> None:
    x, labels = Tensor(3 + rng.standard_normal((6, 2, 4, 4))), rng.integers(0, 3, 6)
    before = net.state_dict()
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(10):
        net.train()
        net.zero_grad()
        loss = ops.cross_entropy(net(x), labels)
        if not loss.requires_grad:
            break
        loss.backward()
        optimizer.step()
    own = {id(t) for _, t in head.named_state()}
    parameters = {id(p) for p in net.parameters()}
    for name, value in net.named_state():
        same, is_parameter = np.array_equal(before[name], value.numpy()), id(value) in parameters
        if id(value) in own:
            exam.require(not same, "head-frozen", "head", f"{name} is the same after 10 steps")
        else:
            bug = "weights-moved" if is_parameter else "statistics-moved"
            exam.require(same, bug, "backbone", f"{name} has changed after 10 steps")


CHECKS: dict[str, Any] = {
    "augment": Check(augment, AUGMENT),
    "mixup": Check(mixup, MIXUP),
    "freeze": Check(freeze, FREEZE),
}
