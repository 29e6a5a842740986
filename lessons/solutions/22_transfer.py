"""22 Few photos: augmentation, transfer and freezing: the solutions.

Made from lessons/22_transfer.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 22.1 augment   ★★   25 minutes
def augment(images, pixels, training, rng):
    """If training, each image moved by up to `pixels` and mirrored by chance: (N, C, H, W) -> same
    rng draws dy and dx of all images, evenly from -pixels ... pixels, as (2, N); then N coins.
    """
    if not training:
        return images
    n, _, h, w = images.shape
    rim = (0, 0), (0, 0), (pixels, pixels), (pixels, pixels)
    padded, moved = np.pad(images, rim), np.empty_like(images)
    for i, (top, left) in enumerate(rng.integers(0, 2 * pixels + 1, (2, n)).T):
        moved[i] = padded[i, :, top : top + h, left : left + w]
    mirrored = rng.random(n) < 0.5
    moved[mirrored] = moved[mirrored][..., ::-1]
    return moved


# 22.2 mixup   ★   10 minutes
def mixup(images, targets, lam):
    """Both blended with those before them: (N, C, H, W), (N, K), a number -> the same shapes"""
    before = np.roll(images, 1, axis=0), np.roll(targets, 1, axis=0)
    return lam * images + (1 - lam) * before[0], lam * targets + (1 - lam) * before[1]


# 22.3 freeze   ★★   20 minutes
def freeze(net, head):
    """Freeze all of the Module net but the Module head inside it; put net in training mode.
    net.modules() and net.parameters() list what is in it, also in inner modules, and net too.
    """
    net.requires_grad_(False)
    head.requires_grad_(True)
    for module in net.modules():
        module.frozen = True
    for module in head.modules():
        module.frozen = False
    net.train()
