"""Lesson 15: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def scaled(x, p, mask):
    return np.where(mask > 0, x / (1 - p), 0.0)


def scaled_first(values, p, mask):
    scale = mask * (1 / (1 - p))
    return scale * values


def layer_by_where(x, p, training, rng):
    if not training or p == 0:
        return x.copy()
    kept = rng.uniform(size=x.shape) < 1 - p
    return np.where(kept, x / max(1 - p, 1e-300), 0.0)


def layer_by_choice(x, p, training, rng):
    if not training:
        return x
    mask = rng.binomial(1, 1 - p, x.shape)
    return x * mask if p == 1 else x * mask / (1 - p)


def decay_in_a_loop(gradients, parameters, decay):
    found = []
    for i in range(len(gradients)):
        gradient = gradients[i].copy()
        if len(parameters[i].shape) >= 2:
            gradient += decay * parameters[i]
        found.append(gradient)
    return found


ALTERNATIVES = {
    "15.1": [{"dropout_forward": f} for f in (scaled, scaled_first)],
    "15.2": [
        {"dropout_backward": lambda gy, p, mask: scaled(gy, p, mask)},
        {"dropout_backward": lambda gy, p, mask: scaled_first(gy, p, mask)},
    ],
    "15.3": [{"dropout": f} for f in (layer_by_where, layer_by_choice)],
    "15.4": [{"add_weight_decay": decay_in_a_loop}],
}
DECAYED = (
    "return [g + decay * w if w.ndim > 1 else g for g, w in zip(gradients, parameters, strict="
)
SURVIVORS = {
    "15.3: mask = rng.random(x.shape) >= p  ->  mask = rng.random(x.shape) > p": "no draw is p",
    f"15.4: {DECAYED}True)]  ->  {DECAYED}False)]": "the two lists are equally long",
}
