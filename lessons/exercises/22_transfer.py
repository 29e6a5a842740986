"""22 Few photos: augmentation, transfer and freezing: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 22.1`. The text is in lessons/22_transfer/README.md.
"""

import numpy as np


# 22.1 augment   ★★   25 minutes
def augment(images, pixels, training, rng):
    """If training, each image moved by up to `pixels` and mirrored by chance: (N, C, H, W) -> same
    rng draws dy and dx of all images, evenly from -pixels ... pixels, as (2, N); then N coins.
    """
    raise NotImplementedError("22.1 augment: your turn")


# 22.2 mixup   ★   10 minutes
def mixup(images, targets, lam):
    """Both blended with those before them: (N, C, H, W), (N, K), a number -> the same shapes"""
    raise NotImplementedError("22.2 mixup: your turn")


# 22.3 freeze   ★★   20 minutes
def freeze(net, head):
    """Freeze all of the Module net but the Module head inside it; put net in training mode.
    net.modules() and net.parameters() list what is in it, also in inner modules, and net too.
    """
    raise NotImplementedError("22.3 freeze: your turn")
