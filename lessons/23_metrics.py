# %% [markdown]
r"""
# 23 Metrics and imbalance

**Goal.** Judge a classifier where one class is rare: what accuracy hides, what class weights and
the focal loss change, with their gradient, and whether the probabilities are to be believed.
**Before.** Lessons 07 (cross-entropy), 09 (data). **Time.** An hour and a half. **Runs** in 5 s.
**Skip it if** you know what the mean of a weighted loss divides by, and what ECE measures.

One part in fifty is faulty. "All are good" is right for 98 % of the parts, and finds no fault.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, nn, ops, optim, random, set_num_threads
from minicnn.learn import figure
from minicnn.train import metrics

# %% [markdown]
r"""
## Four numbers instead of one

Entry $(i, j)$ of the *confusion matrix* $C$, (K, K) for K classes, counts the samples of class i
that were taken for class j: its rows are what is there, its columns what was said. The diagonal are
the hits. For each class k there are two questions, and a number that is high only if both are:

$$
\text{precision}_k = \frac{C_{kk}}{\sum_i C_{ik}} \qquad
\text{recall}_k = \frac{C_{kk}}{\sum_j C_{kj}} \qquad
F_k = \frac{2 \, C_{kk}}{\sum_i C_{ik} + \sum_j C_{kj}}
$$

Precision: of those taken for k, how many are? Recall: of those of class k, how many were found?
*F1* is the harmonic mean of the two. 0 of 0 is 0 here. The *macro* mean of $F_k$ over the classes
counts a rare class like a frequent one. (Pooling all counts first, *micro*, gives accuracy again.)
"""


# %%
def precision_recall(matrix):
    """(precision (K,), recall (K,), macro F1) of a confusion matrix (K, K), rows true; 0/0 is 0"""
    # >>> solution
    hits, said, there = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    f1 = 2 * hits / np.maximum(said + there, 1)
    return hits / np.maximum(said, 1), hits / np.maximum(there, 1), f1.mean()
    # <<< solution


# %% [markdown]
r"""
## All thresholds at once

A network gives a *score*, say the probability of a fault; we say "faulty" from a *threshold* on.
For all thresholds the *ROC curve* draws recall over the *false positive rate*, the share of good
parts called faulty; the *PR curve* precision over recall. The area under ROC is the chance that a
faulty part has a higher score than a good one (a tie counts half), however rare faults are. But 5 %
of very many good parts are more than all faults, and precision shows it. The area under PR is the
*average precision*: the mean, over all faulty parts, of the precision at the score of the part.
"""

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
roc, pr = (fig := Figure(figsize=(7, 2.9), layout="constrained")).subplots(1, 2)
for rare in (1, 50):
    both = (t := np.repeat([0, 1], [5000, 5000 // rare])), rng.standard_normal(len(t)) + 2 * t
    roc.plot(*metrics.roc_curve(*both)[:2], label=f"1:{rare}, {metrics.roc_auc(*both):.2f}")
    pr.plot(*metrics.pr_curve(*both)[1::-1], label=f"{metrics.average_precision(*both):.2f}")
roc.set(title="ROC", xlabel="false positive rate", ylabel="recall")
pr.set(title="precision and recall", xlabel="recall", ylabel="precision")
roc.legend(title="faults to good ones, area"), pr.legend(loc="lower left")
figure(fig, "curves", alt="One fault per good part or per 50: like ROC curves, lower precision.")

# %% [markdown]
r"""
## Every class counts the same

A mean over parts is a mean over good ones. *Class weights* w, (K,), make up for it, say
$w_k = N / (K N_k)$ for $N_k$ samples of class k. With $p_n$ for the probability that the softmax of
the scores x, (N, K), gives to the label $t_n$ of sample n:

$$
L = \frac{1}{W} \sum_{n=1}^{N} w_{t_n} \, \ell_n \qquad
W = \sum_{n=1}^{N} w_{t_n} \qquad
\ell_n = -(1 - p_n)^{\gamma} \ln p_n
$$

It is divided by the *sum of the weights*, not by N: doubled weights must change nothing.

## Easy samples count less

For $\gamma = 0$, $\ell_n$ is the cross-entropy of lesson 07. Lin and others classified boxes of an
image, a thousand easy ones of background per object: each costs little, all drown the rest. Their
*focal loss* has $\gamma = 2$: a box with $p_n = 0.9$ counts a hundredth. (It has a sigmoid, for yes
or no: `ops.sigmoid_focal_loss`.) Take $\ln p_n$ by the log-sum-exp: $p_n$ may be rounded to 0.
"""


# %%
def focal_forward(x, target, weight, gamma):
    """The loss L, a number; x (N, K), target (N,) class numbers, weight (K,), gamma 0 or >= 1"""
    # >>> solution
    shifted = x - x.max(1, keepdims=True)
    log_p = shifted[np.arange(len(x)), target] - np.log(np.exp(shifted).sum(1))
    w = weight[target]
    return -(w * (1 - np.exp(log_p)) ** gamma * log_p).sum() / w.sum()
    # <<< solution


# %% [markdown]
r"""
## Two paths to p

$\ell$ is a product, and both factors depend on p (for one sample, without the index):

$$
p \, \frac{\partial \ell}{\partial p}
= \gamma \, p \, (1 - p)^{\gamma - 1} \ln p - (1 - p)^{\gamma} = a
\qquad \frac{\partial p}{\partial x_k} = p \, ([k = t] - q_k)
\qquad \frac{\partial \ell}{\partial x_k} = a \, ([k = t] - q_k)
$$

with $q$, (K,), for all its probabilities, and $[k = t]$ for 1 at the label, else 0. For
$\gamma = 0$, $a = -1$: lesson 07's gradient. There the first path must be left out, not computed:
a sure answer has $1 - p = 0$, and 0 times infinity is no number. Weights and W are as before.
"""


# %%
def focal_backward(gy, x, target, weight, gamma):
    """gx (N, K) of focal_forward; gy is a number"""
    # >>> solution
    e = np.exp(x - x.max(1, keepdims=True))
    q, rows, w = e / e.sum(1, keepdims=True), np.arange(len(x)), weight[target]
    p = q[rows, target]
    path = gamma * p * (1 - p) ** (gamma - 1) * np.log(np.maximum(p, 1e-300)) if gamma else 0
    one_hot = np.arange(x.shape[1]) == target[:, None]
    return gy * (w * (path - (1 - p) ** gamma) / w.sum())[:, None] * (one_hot - q)
    # <<< solution


# %% [markdown]
r"""
## Is a probability to be believed?

Of all answers given with probability 0.8, 80 % should be right: that is *calibration*. Sort the
answers by their *confidence*, the highest probability of a row, into M *bins*, of which number m
holds confidences above m / M up to (m + 1) / M. With $n_m$ answers in bin m, their accuracy $r_m$
and mean confidence $c_m$, the *expected calibration error* is the mean distance over the answers:

$$
\text{ECE} = \sum_{m=0}^{M-1} \frac{n_m}{N} \, | r_m - c_m |
$$
"""


# %%
def calibration_error(p, labels, bins):
    """The expected calibration error of probabilities p (N, K), labels (N,); bins is M"""
    # >>> solution
    confidence, right = p.max(1), p.argmax(1) == labels
    bin_of = np.ceil(confidence * bins).astype(int)
    # The mean of right minus confidence, times the count, is the sum.
    return sum(abs((right - confidence)[bin_of == m].sum()) for m in range(1, bins + 1)) / len(p)
    # <<< solution


# %% [markdown]
r"""
## Three ways to find faults

The same net and parts, three losses. Dark is where the answer is "faulty"; AP is the average
precision. For the last column all scores are divided by one number, the *temperature* T, chosen on
half of the parts so that their cross-entropy is the least; both ECEs are of the other half. It
changes no answer, as the order of a row's scores stays. With class weights fewer answers are right,
but twice as many faults are found; four of five alarms are false. The focal loss changes next to
nothing, and AP is alike: weights move where "faulty" begins, hardly who comes before whom. Both pay
with probabilities further from the truth. T repairs the focal loss's, which were too near to 1/2;
the weights' only in part: it moves no border. `examples/imbalanced_binary.py` asks it of images.
"""


# %% tags=["hide-input"]
def parts(n, seed):  # two measurements of each, and 1 for a faulty one
    t = ((rng := np.random.default_rng(seed)).random(n) < 0.02).astype(int)
    return rng.standard_normal((n, 2)) * (1 - 0.4 * t[:, None]) + 1.7 * t[:, None], t


def learn(loss, x, t):
    set_num_threads(1), random.manual_seed(0)  # one thread: the same bits everywhere
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2)).double()
    optimizer = optim.AdamW(net.parameters(), lr=0.03)
    for _ in range(150):
        net.zero_grad()
        loss(net(Tensor(x)), t).backward()
        optimizer.step()
    return lambda x: net(Tensor(x)).numpy()


few, (x, t), grid = parts(3000, seed=1), parts(10000, seed=2), np.mgrid[-4:5:0.1, -4:5:0.1].T
w = data.class_weights(few[1], ["good", "faulty"])
losses = {"cross-entropy": ops.cross_entropy, "focal": ops.focal_loss}
losses["class weights"] = lambda s, t: ops.cross_entropy(s, t, weight=w)
top, bottom = (fig := Figure(figsize=(8, 5), layout="constrained")).subplots(2, 3)
print("              right  prec.  recall F1     AP     ECE    T      ECE(T)")
for above, below, (name, loss) in zip(top, bottom, losses.items(), strict=True):
    s = (net := learn(loss, *few))(x)
    hot = min(np.geomspace(0.1, 10, 41), key=lambda h: ops.cross_entropy(s[::2] / h, t[::2]).item())
    (p, calm), said = (ops.softmax(a, 1).numpy() for a in (s, s / hot)), s.argmax(1)
    row = [f(t, said) for f in (metrics.accuracy, metrics.precision, metrics.recall, metrics.f1)]
    row += [metrics.average_precision(t, p[:, 1]), calibration_error(p[1::2], t[1::2], 15)]
    row += [hot, calibration_error(calm[1::2], t[1::2], 15)]
    print(f"{name:14}" + "  ".join(f"{v:.3f}" for v in row))
    above.contourf(*grid.T, (net(grid) @ [-1, 1] > 0).T, [-1, 0.5, 2], colors=["#fff", "#bbb"])
    above.plot(*few[0][few[1] == 0][:500].T, ".", *few[0][few[1] == 1].T, ".", ms=2)
    bins = metrics.reliability_bins(t, p[:, 1], bins=10)
    below.plot([0, 1], [0, 1], "0.7", *np.round((bins.confidence, bins.accuracy), 2), "o-")
    above.set_title(name), below.set(xlabel="predicted probability", ylabel="share of faults")
figure(fig, "three", alt="Where three nets say faulty; the share of faults over the predicted one.")

# %%
x, labels, weight = rng.standard_normal((50, 4)), rng.integers(0, 4, 50), rng.uniform(1, 9, 4)
(loss := ops.focal_loss(tensor := Tensor(x, requires_grad=True), labels, 2.0, weight)).backward()
assert np.isclose(loss.item(), focal_forward(x, labels, weight, 2.0), rtol=1e-10)
assert np.allclose(tensor.grad.numpy(), focal_backward(1.0, x, labels, weight, 2.0), rtol=1e-9)
error = metrics.expected_calibration_error(labels, p := ops.softmax(x, 1).numpy(), bins=15)
assert np.isclose(calibration_error(p, labels, 15), error, rtol=1e-10)
three = precision_recall(metrics.confusion_matrix(labels, p.argmax(1), num_classes=4))
for mine, name in zip(three, ("precision", "recall", "f1"), strict=True):
    theirs = getattr(metrics, name)(labels, p.argmax(1), average=None)
    assert np.allclose(mine, theirs if name != "f1" else theirs.mean())
mean = np.mean([(labels == 1)[p[:, 1] >= s].mean() for s in p[labels == 1, 1]])
assert np.isclose(mean, metrics.average_precision(labels == 1, p[:, 1]))
print("the lesson's numbers equal the library's")

# %% [markdown]
r"""
## Common mistakes

* **Precision and recall are exchanged**, or **the counts of all classes are pooled.**
* **The sum is divided by the number of samples, not by their weights.**
* **The factor is treated as a constant on the way back.** It depends on p, too.
* **An almost empty bin counts like a full one.** The mean is over answers.

## Further reading

* Tsung-Yi Lin and others: *Focal loss for dense object detection*, 2017.
* Chuan Guo and others: *On calibration of modern neural networks*, 2017.
"""
