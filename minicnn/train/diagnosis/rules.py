"""What the doctor knows of broken trainings: one function per fault, causes before symptoms.

Each takes the `Chart` and returns a `Finding`, or None while there is nothing to say or not enough
to judge by. The thresholds are meant to leave every healthy training alone: they lie well away from
what the nets of `minicnn.models` show while they learn.
"""

from collections.abc import Callable

import numpy as np

from .chart import Chart, Finding
from .look import Activation

Rule = Callable[[Chart], Finding | None]


def forgotten_parameters(chart: Chart) -> Finding | None:
    if not chart.forgotten:
        return None
    return Finding(
        "parameters without an optimizer",
        f"{_some(chart.forgotten)} ask for gradients, but the optimizer does not have them",
        "They are never changed. That happens when a layer is replaced after the optimizer was "
        "built.",
        "build the optimizer last, from model.parameters(), or freeze what shall not learn",
    )


def raw_inputs(chart: Chart) -> Finding | None:
    largest, mean, std = np.median([x.images for x in chart.looks], axis=0)
    if std < 1e-3:
        return Finding(
            "empty images",
            f"the pixels of a batch hardly differ (mean {mean:.3g}, standard deviation {std:.2g})",
            "The network sees the same grey image again and again, so it cannot tell classes "
            "apart. Often pixels were divided by 255 twice, or the wrong files were read.",
            "look at a batch: viz.plot_images(images, labels, 'batch.png')",
        )
    if largest <= 20 and abs(mean) <= 5:
        return None
    return Finding(
        "inputs not normalised",
        f"pixels go up to {largest:.3g}, with mean {mean:.3g} and standard deviation {std:.3g}",
        "Weights start at sizes made for inputs around 0 and 1; larger ones make first outputs and "
        "gradients too large by the same factor.",
        "divide bytes by 255, or normalise to mean 0 and standard deviation 1 (transforms."
        "Normalize)",
    )


def probabilities_as_logits(chart: Chart) -> Finding | None:
    if not chart.loss_takes_logits or not chart.is_full(2):
        return None
    outputs = np.concatenate([x.outputs for x in chart.looks])
    if not ((outputs >= 0) & (outputs <= 1)).all():
        return None
    if chart.task == "multiclass" and outputs.shape[1] > 1:
        if np.abs(outputs.sum(1) - 1).max() > 1e-3:
            return None
        what, layer, loss = "add up to 1 for every image", "softmax", "cross_entropy"
    elif chart.task == "multiclass" or not chart.is_full(5):
        return None
    else:
        what, layer, loss = "all lie between 0 and 1", "sigmoid", "the loss"
    return Finding(
        f"{layer} before {loss}",
        f"the model's outputs {what}",
        f"They are probabilities already, but {loss} applies {layer} itself and expects logits. "
        "Applied twice, it flattens everything: the loss can never come near 0 and learning is "
        "slow.",
        f"remove the {layer} at the end of the model; use it only to show probabilities",
    )


def one_class_per_batch(chart: Chart) -> Finding | None:
    labels = [x.labels for x in chart.looks]
    if not chart.is_full(5) or labels[0].ndim != 1 or min(map(len, labels)) < 8:
        return None
    purity, overall = np.median([_largest(t) for t in labels]), _largest(np.concatenate(labels))
    if purity < 1 or 0.75 < overall < 1:
        return None
    several = overall < 1
    return Finding(
        "batches of one class" if several else "labels of one class",
        "all images of a batch have the same label"
        + ("" if several else f", always {labels[0][0]}"),
        "The network learns to answer with the class at hand, whatever it sees, and forgets it "
        "with the next one.",
        "DataLoader(..., shuffle=True)"
        if several
        else "look at dataset.labels, and at how the images were chosen",
    )


def tiny_batch_norm(chart: Chart) -> Finding | None:
    sizes = [len(x.labels) for x in chart.looks]
    if not chart.batch_norms or not chart.is_full(2) or np.median(sizes) > 2:
        return None
    return Finding(
        "batch norm on tiny batches",
        f"{chart.batch_norms} batch norms compute mean and variance from {int(np.median(sizes))} "
        "image(s) at a time",
        "Such statistics are mostly noise, and evaluation uses running averages of them, so it "
        "may be much worse than training.",
        "a batch size of 16 or more, or GroupNorm, which does not look at other images",
    )


def large_start(chart: Chart) -> Finding | None:
    first = chart.first_look
    if first is None or first.step > 1:
        return None
    loss = type(chart)(looks=chart.looks.__class__([first])).cross_entropy()
    usual = np.log(first.outputs.shape[1]) if first.labels.ndim == 1 else np.log(2)
    usual = max(usual, np.log(2))
    if not loss > 5 * usual + 2:
        return None
    return Finding(
        "start far from chance",
        f"the first loss is {loss:.3g} nats per label, where guessing gives {usual:.2f}; outputs "
        f"go up to {np.abs(first.outputs).max():.3g}",
        "Before anything was learnt the network is sure of wrong answers, because its signals "
        "grow from layer to layer: the weights start too large, or the inputs are.",
        "nn.init.kaiming_normal_ for the weights, normalised inputs, batch norm after convolutions",
    )


def rising_loss(chart: Chart) -> Finding | None:
    losses = np.array(chart.losses)
    if len(losses) < 40 or not chart.is_full(4):
        return None
    before, early, now = losses[-60:-30], np.median(losses[:10]), np.median(losses[-30:])
    base = max(min(early, 3 * chart.chance()), chart.chance())
    steps = np.abs(np.diff(losses[-30:])).mean() / max(losses[-30:].mean(), 1e-12)
    swings = len(before) == 30 and steps > 0.5 and now > 0.9 * np.median(before)
    if not (now > 1.3 * base or (swings and now > 0.6 * chart.chance())):
        return None
    shape = f"rose from {early:.3g} to {now:.3g}" if now > 1.3 * base else (
        f"jumps by {steps:.0%} of its size from step to step and does not fall ({now:.3g})"
    )  # fmt: skip
    return Finding(
        "learning rate too high",
        f"the loss {shape}; one step changes the weights by {_percent(chart.update_ratio())} (about"
        " 0.1 % is usual)",
        "Each step overshoots: it leaps over the valley that it should go down into.",
        f"lr={chart.lr / 10:.2g} instead of {chart.lr:.2g}, a warm-up, or let find_lr choose",
    )


def large_updates(chart: Chart) -> Finding | None:
    ratio = chart.update_ratio()
    if not chart.is_full() or ratio < 0.1 or chart.learns():
        return None
    return Finding(
        "learning rate too high",
        f"one step changes the weights by {ratio:.0%} of their size (about 0.1 % is usual), and the"
        f" loss stays at {chart.cross_entropy():.3g} nats per label (chance: {chart.chance():.3g})",
        "The weights are thrown about too fast to keep anything.",
        f"lr={chart.lr / 10:.2g} instead of {chart.lr:.2g}, or let find_lr choose",
    )


def small_updates(chart: Chart) -> Finding | None:
    ratio, losses = chart.update_ratio(), chart.losses
    if not chart.is_full() or len(losses) < 60 or chart.is_warming_up or chart.learns():
        return None
    fell = 1 - np.median(losses[-30:]) / max(np.median(losses[:30]), 1e-12)
    if not 0 <= ratio < 2e-5 or fell > 0.05 or _vanishing(chart):
        return None
    return Finding(
        "learning rate too low",
        f"one step changes the weights by {_percent(ratio)} (about 0.1 % is usual), and in "
        f"{len(losses)} steps the loss fell by {max(fell, 0):.1%}",
        "The steps go the right way, but at this pace they arrive nowhere.",
        f"lr={chart.lr * 100:.2g} instead of {chart.lr:.2g}, or let find_lr choose",
    )


def exploding_gradients(chart: Chart) -> Finding | None:
    gradients = chart.medians("gradients")
    if not chart.is_full(3) or not gradients or np.median(list(gradients.values())) < 100:
        return None
    name = max(gradients, key=lambda key: gradients[key])
    return Finding(
        "exploding gradients",
        f"gradients are much larger than the weights they belong to, {gradients[name]:.2g} times "
        f"in {name}",
        "On the way back the signal grows in every layer, so no learning rate suits them all.",
        "gradient clipping (ClipGradNorm), batch norm, nn.init.kaiming_normal_",
    )


def vanishing_gradients(chart: Chart) -> Finding | None:
    found = _vanishing(chart)
    if not chart.is_full() or len(chart.losses) < 60 or found is None or chart.learns():
        return None
    first, last, ratio = found
    return Finding(
        "vanishing gradients",
        f"the gradient of the first layer ({first}) is {ratio:.1g} times that of the last ({last}),"
        " each compared with its weight",
        "On the way back the signal shrinks in every layer, so the first ones hardly learn. Many "
        "sigmoids or tanhs in a row do that, and weights that start too small.",
        "ReLU for sigmoid and tanh, batch norm after convolutions, residual blocks, "
        "nn.init.kaiming_normal_",
    )


def unused_layers(chart: Chart) -> Finding | None:
    silent = [n for n in chart.looks[-1].silent if all(n in x.silent for x in chart.looks)]
    if not silent or not chart.is_full(3):
        return None
    return Finding(
        "layers that never learn",
        f"{_some(silent)} got no gradient in {len(chart.looks)} looks",
        "The loss does not depend on them: forward does not call the layer, or the way from it to "
        "the loss is cut (detach, no_grad, .data, .numpy()).",
        "use the layer in forward, keep the path in Tensor operations, or remove it",
    )


def constant_predictions(chart: Chart) -> Finding | None:
    last = chart.looks[-1]
    if not chart.is_full() or last.labels.ndim != 1 or last.outputs.shape[1] < 2:
        return None
    labels = np.concatenate([x.labels for x in chart.looks])
    outputs = np.concatenate([x.outputs for x in chart.looks])
    answers = outputs.argmax(1)
    share, usual = _largest(answers), _largest(labels)
    spread = (last.outputs - last.outputs.mean(0)).std()
    # Where gradients still flow, images that say nothing about labels look the same: see below.
    is_cut = min(chart.medians("gradients").values(), default=0.0) < 1e-4
    if share < 0.98 or usual > 0.9 or spread > 0.05 * max(1.0, np.abs(last.outputs).max()):
        return None
    if not is_cut or len(chart.losses) < 60:
        return None
    return Finding(
        "the same answer for every image",
        f"{share:.0%} of the answers are class {np.bincount(answers).argmax()}, and outputs differ "
        f"between images by {spread:.1g} only, in the last {len(chart.looks)} looks",
        "The outputs do not depend on the image. The signal is lost on its way: dead or saturated "
        "units, weights that start at 0, or a step so large that it destroyed the features.",
        f"a smaller learning rate (lr={chart.lr / 10:.2g}), batch norm, fresh initial weights",
    )


def chance_forever(chart: Chart) -> Finding | None:
    enough = max(100, min(chart.steps_per_epoch, 300))
    if not chart.is_full() or len(chart.losses) < enough or chart.is_warming_up:
        return None
    loss, chance = chart.cross_entropy(), chart.chance()
    # What comes first in any training is the shares of the classes; then it must go on.
    if np.median(chart.losses[-30:]) < 0.99 * np.median(chart.losses[-60:-30]):
        return None
    if abs(loss - chance) > 0.03 * chance or chart.update_ratio() < 2e-5 or chance < 0.1:
        return None
    even = f", ln {round(np.exp(chance))}" if chart.task == "multiclass" else ""
    return Finding(
        "labels look shuffled",
        f"after {len(chart.losses)} steps the loss is {loss:.3f} nats per label, what guessing "
        f"gives ({chance:.3f}{even}), although the weights move",
        "Images say nothing about their labels, as far as the network can see. Most often the two "
        "came into a different order on the way, or the labels were read wrongly.",
        "look at some images with their labels (viz.plot_images); then see whether the net can "
        "learn 20 images by heart",
    )


def saturated_units(chart: Chart) -> Finding | None:
    worst = _worst(chart, lambda a: a.flat)
    if not chart.is_full(5) or not worst or chart.learns():
        return None
    return Finding(
        "saturated units",
        f"{_layers(worst, 'of the outputs lie where the curve is flat')}",
        "A sigmoid or tanh that is far from 0 hardly reacts to its input and passes almost no "
        "gradient back.",
        "smaller initial weights (nn.init.xavier_normal_), normalised inputs, a smaller learning "
        f"rate (lr={chart.lr / 10:.2g}), or ReLU",
    )


def killed_units(chart: Chart) -> Finding | None:
    worst = _dead(chart)
    if not worst or chart.peak_update < 0.1:
        return None
    return Finding(
        "learning rate too high",
        f"a step changed the weights by {chart.peak_update:.0%} of their size (about 0.1 % is "
        f"usual), and now {_layers(worst, 'of the ReLUs')} are 0 for every image",
        "One leap has pushed units to where they pass no gradient, and they cannot come back.",
        f"lr={chart.lr / 10:.2g} instead of {chart.lr:.2g}, a warm-up, or let find_lr choose",
    )


def dead_units(chart: Chart) -> Finding | None:
    worst = _dead(chart)
    if not worst:
        return None
    if worst[0][1] < 0.95 and abs(chart.cross_entropy() / chart.chance() - 1) < 0.05:
        return None  # nothing is learnt although the signal passes: see `chance_forever`
    return Finding(
        "dead ReLUs",
        f"{_layers(worst, 'of the units')} were 0 for every image of {len(chart.looks)} looks",
        "A ReLU whose input is always negative passes no gradient, so it cannot come back: this "
        "part of the network is lost. Most often one step was too large.",
        f"a smaller learning rate (lr={chart.lr / 10:.2g}), nn.init.kaiming_normal_, batch norm "
        "before the ReLU, or LeakyReLU",
    )


CAUSES: tuple[Rule, ...] = (
    forgotten_parameters, raw_inputs, probabilities_as_logits, one_class_per_batch,
    tiny_batch_norm, unused_layers, large_start,
)  # fmt: skip
EFFECTS: tuple[Rule, ...] = (
    rising_loss, large_updates, exploding_gradients, saturated_units, killed_units, dead_units,
    vanishing_gradients, small_updates, constant_predictions, chance_forever,
)  # fmt: skip


def findings(chart: Chart, effects: bool = True) -> list[Finding]:
    """What is wrong with this training: all causes, or else the first of the ``effects``.

    An effect (dead units, a loss that rises) mostly follows from a cause, and effects from each
    other, so one at a time is worth mending.
    """
    with np.errstate(all="ignore"):
        causes = [found for rule in CAUSES if (found := rule(chart)) is not None]
        if causes or not effects:
            return causes
        return [found for rule in EFFECTS if (found := rule(chart)) is not None][:1]


def _vanishing(chart: Chart) -> tuple[str, str, float] | None:
    gradients = chart.medians("gradients")
    if len(gradients) < 3:
        return None
    names = list(gradients)
    ratio = gradients[names[0]] / max(gradients[names[-1]], 1e-300)
    # Exactly 0 has not vanished on its way, it is cut off.
    return (names[0], names[-1], ratio) if 0 < ratio < 1e-4 else None


def _dead(chart: Chart) -> list[tuple[str, float]]:
    """The layers most of whose units were 0 for every image of the window."""
    if not chart.is_full() or len(chart.losses) < 60:
        return []
    return _worst(
        chart,
        lambda activation: None if activation.dead is None else float(activation.dead.mean()),
        threshold=0.8 if chart.learns() else 0.6,
    )


def _worst(
    chart: Chart, share: Callable[[Activation], float | None], threshold: float = 0.8
) -> list[tuple[str, float]]:
    """The layers whose share is over the threshold throughout the window, largest first."""
    found = []
    for path, last in chart.looks[-1].activations.items():
        window = [x.activations[path] for x in chart.looks if path in x.activations]
        if last.dead is not None:
            always = np.all(np.array([a.dead for a in window]), axis=0)
            window = [last._replace(dead=always)]
        values = [s for a in window if (s := share(a)) is not None]
        if values and min(values) > threshold:
            found.append((path, min(values)))
    return sorted(found, key=lambda item: -item[1])


def _layers(worst: list[tuple[str, float]], what: str) -> str:
    named = [f"{share:.0%} {what} of {path}" if i == 0 else f"{share:.0%} of {path}"
             for i, (path, share) in enumerate(worst[:3])]  # fmt: skip
    more = f" and {len(worst) - 3} layers more" if len(worst) > 3 else ""
    return ", ".join(named) + more


def _largest(labels: np.ndarray) -> float:
    """The share of the most frequent class."""
    return float(np.bincount(labels).max() / len(labels))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.2g} %"
