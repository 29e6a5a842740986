"""Lesson 22: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def augment_in_loops(images, pixels, training, rng):
    if not training:
        return images.copy()
    n, _, h, w = images.shape
    result = np.zeros_like(images)
    for i in range(n):
        dy, dx = (int(rng.integers(-pixels, pixels + 1)) for _ in "yx")
        image = images[i, :, :, ::-1] if rng.random() < 0.5 else images[i]
        for y in range(max(0, -dy), min(h, h - dy)):
            for x in range(max(0, -dx), min(w, w - dx)):
                result[i, :, y, x] = image[:, y + dy, x + dx]
    return result


def augment_by_windows(images, pixels, training, rng):
    if not training:
        return images
    n, _, h, w = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), (2, 3))
    top, left = rng.integers(0, 2 * pixels, (2, n), endpoint=True)
    chosen = windows[np.arange(n), :, top, left]
    coins = rng.integers(0, 2, n).astype(bool)
    return np.where(coins[:, None, None, None], chosen[..., ::-1], chosen)


def mixup_by_index(images, targets, lam):
    order = np.arange(len(images)) - 1
    return tuple(lam * a + (1 - lam) * a[order] for a in (images, targets))


def freeze_by_identity(net, head):
    learning = {id(p) for p in head.parameters()}
    for p in net.parameters():
        p.requires_grad_(id(p) in learning)
    inside = {id(m) for m in head.modules()}
    for module in net.modules():
        module.frozen = id(module) not in inside
    net.train(True)


ALTERNATIVES = {
    "22.1": [{"augment": f} for f in (augment_in_loops, augment_by_windows)],
    "22.2": [{"mixup": mixup_by_index}],
    "22.3": [{"freeze": freeze_by_identity}],
}
_COIN = "22.1: mirrored = rng.random(n) < 0.5  ->  mirrored = rng.random(n)"
_RIM = "(0, 0), (pixels, pixels), (pixels, pixels))"
SURVIVORS = {
    f"{_COIN} > 0.5": "the other side of the coin falls as often",
    f"{_COIN} <= 0.5": "a coin is never 0.5 exactly",
    f"22.1: rim = ((0, 0), {_RIM}  ->  rim = ((0, 1), {_RIM}": "nothing reads the image more",
}
