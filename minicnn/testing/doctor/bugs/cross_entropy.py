"""Bugs of cross-entropy: labels, logits and probabilities."""

from .bug import Bug

ERROR = "Probabilities minus labels"
LOGITS = "From logits to the loss and back"
STABLE = "A softmax that never says NaN"

BUGS = (
    # Labels
    Bug(
        "one-hot-not-subtracted",
        "the one-hot label is not subtracted",
        7,
        ERROR,
        (
            "Does your gradient know the labels?",
            "It is the difference of what is predicted and what is true.",
            "Look for the step that uses the target in backward.",
        ),
        ("C57",),
    ),
    Bug(
        "one-hot-added",
        "the one-hot label is added, not subtracted",
        7,
        ERROR,
        (
            "What is the gradient of a perfect prediction?",
            "It is 0 where prediction and label agree.",
            "Look at the sign of the label's part.",
        ),
        ("C57", "C59"),
    ),
    Bug(
        "one-subtracted-everywhere",
        "1 is subtracted in every class, not only in the label's",
        7,
        ERROR,
        (
            "What does each row of your gradient sum to?",
            "It must sum to 0: only the label's entry is lowered.",
            "Look at the index of the entries that you lower.",
        ),
        ("C57",),
    ),
    Bug(
        "one-hot-in-every-row",
        "the labels' columns are lowered in every row",
        7,
        ERROR,
        (
            "How many entries do you lower: one per sample, or whole columns?",
            "A row and a column number together pick one entry per sample.",
            "Look at the index: what stands at the place of the rows?",
        ),
        ("C57",),
    ),
    Bug(
        "labels-off-by-one",
        "the labels are off by one class",
        7,
        ERROR,
        (
            "Which class has the number 0?",
            "Class numbers count from 0, like indices.",
            "Look for a 1 that is added to or taken from the labels.",
        ),
        ("C57",),
    ),
    Bug(
        "labels-as-numbers",
        "the class number itself is subtracted",
        7,
        ERROR,
        (
            "Is class 6 further away than class 3?",
            "A class number is a name, not an amount; it says where to subtract 1.",
            "Look at what is subtracted from the probabilities.",
        ),
        ("C57",),
    ),
    Bug(
        "probabilities-lost",
        "only the labels are there; the probabilities are missing",
        7,
        ERROR,
        (
            "Does your gradient change when the scores change?",
            "It is the difference of what is predicted and what is true.",
            "Look at what the labels are subtracted from.",
        ),
        ("C57",),
    ),
    Bug(
        "gradient-only-at-label",
        "only the label's entry has a gradient",
        7,
        ERROR,
        (
            "Do the scores of the wrong classes influence the loss?",
            "They do, through the sum below the fraction.",
            "Look at the entries that stay 0.",
        ),
        ("C58",),
    ),
    Bug(
        "target-lost",
        "the target is missing in the gradient",
        7,
        ERROR,
        (
            "What is the gradient of a perfect prediction?",
            "It is 0 where prediction and target agree.",
            "Look for the target in backward.",
        ),
        ("C57",),
    ),
    Bug(
        "target-added",
        "the target is added, not subtracted",
        7,
        ERROR,
        (
            "What is the gradient of a perfect prediction?",
            "It is 0 where prediction and target agree.",
            "Look at the sign between the two.",
        ),
        ("C59",),
    ),
    Bug(
        "half-of-the-labels-lost",
        "only one kind of label counts",
        7,
        LOGITS,
        (
            "What does a sample with label 0 add to the loss, and what one with label 1?",
            "The loss has a term for each of the two answers.",
            "Look for the term of the other label.",
        ),
    ),
    # Logits and probabilities
    Bug(
        "logits-for-probabilities",
        "scores stand where probabilities should",
        7,
        LOGITS,
        (
            "Which of your arrays lies between 0 and 1?",
            "Scores become probabilities first.",
            "Look at which array the labels are compared with.",
        ),
    ),
    Bug(
        "not-normalized",
        "the exponentials are not divided by their sum",
        7,
        LOGITS,
        (
            "What does each row of your probabilities sum to?",
            "They must sum to 1.",
            "Look for the division by the row's sum.",
        ),
    ),
    Bug(
        "stops-at-probability",
        "the gradient is that of the probability, not of the logit",
        7,
        LOGITS,
        (
            "Which array is the input of this op?",
            "Between the input and the logarithm there is one more function.",
            "Look for the last link of the chain, from probabilities to logits.",
        ),
    ),
    Bug(
        "softmax-slope-twice",
        "the slope of softmax is multiplied in once more",
        7,
        LOGITS,
        (
            "Is the slope of softmax part of the short rule already?",
            "Probabilities minus labels is the gradient for the scores, complete.",
            "Look for what follows the difference.",
        ),
    ),
    Bug(
        "sigmoid-slope-twice",
        "the slope of the sigmoid is multiplied in once more",
        7,
        LOGITS,
        (
            "Is the slope of the sigmoid part of the short rule already?",
            "It cancels against the slope of the logarithm.",
            "Look for what follows the difference.",
        ),
    ),
    Bug(
        "logarithm-lost",
        "the logarithm is missing",
        7,
        LOGITS,
        (
            "How large is your loss for a probability near 0?",
            "A sure wrong answer must cost much more than 1.",
            "Look at what is averaged.",
        ),
    ),
    Bug(
        "logarithm-of-zero",
        "the logarithm of a probability that vanishes",
        7,
        STABLE,
        (
            "How large is your loss when a sure answer is wrong?",
            "The probability rounds to 0, its logarithm should not be asked for.",
            "Look for a way from scores to log-probabilities without the quotient; "
            "a constant that is added only hides it.",
        ),
        ("C55",),
    ),
    Bug(
        "unstable-formula",
        "numbers overflow or vanish on the way to an ordinary result",
        7,
        STABLE,
        (
            "What are e^1000 and the logarithm of 0 in floating point?",
            "The loss is an ordinary number; only a step on the way is not.",
            "Look for a form in which no exponent is positive and no logarithm of 0 is asked for.",
        ),
        ("C53", "C55"),
    ),
)
