"""Bugs of dropout."""

from .bug import Bug

SCALE = "Why the kept values are scaled"
MASK = "One mask, there and back"

BUGS = (
    Bug(
        "scale-lost-in-backward", "the backward pass forgets the factor 1/keep", 15, SCALE,
        ("By what is a kept value multiplied going forward?",
         "The slope of a multiplication is its factor, all of it.",
         "The factor of the upstream gradient."),
        ("C78",),
    ),
    Bug(
        "scale-twice-in-backward", "the backward pass divides by keep twice", 15, SCALE,
        ("Is the mask that you saved already divided by keep?",
         "The factor of the forward pass belongs into the backward pass once.",
         "What is kept for the backward pass, and what is done to it there."),
        ("C78",),
    ),
    Bug(
        "dropout-not-scaled", "the kept values are not scaled by 1/keep", 15, SCALE,
        ("What is the mean of the output, compared with that of the input?",
         "Of ten values eight are kept; the sum of eight is to stand for ten.",
         "The factor beside the mask in the forward pass."),
        ("C80",),
    ),
    Bug(
        "dropout-scaled-twice", "the kept values are divided by keep twice", 15, SCALE,
        ("What is the mean of the output, compared with that of the input?",
         "It should be the same. If the mask is scaled already, the product needs no more.",
         "The factor beside the mask in the forward pass."),
        ("C80",),
    ),
    Bug(
        "scale-inverted", "the values are multiplied by keep instead of divided", 15, SCALE,
        ("Must the values that are left become larger or smaller?",
         "Fewer values have to make up the same mean.",
         "The factor beside the mask."),
        ("C80",),
    ),
    Bug(
        "keep-is-p", "the division is by p, the probability to drop, not to keep", 15, SCALE,
        ("Is p here the probability to drop or to keep?",
         "With p = 0.5 both are the same; with p = 0.2 they are not.",
         "The denominator of the scale."),
        ("C80",),
    ),
    Bug(
        "scale-is-p", "the values are multiplied by p", 15, SCALE,
        ("Is p here the probability to drop or to keep, and does it multiply or divide?",
         "With p near 0 hardly anything is dropped, and hardly anything may change.",
         "The factor beside the mask."),
        ("C80",),
    ),
    Bug(
        "mask-lost-in-backward", "the gradient also reaches values that were dropped", 15, MASK,
        ("Does a value that was dropped have any part in the output?",
         "What was multiplied by 0 gets 0 back.",
         "The factor of the upstream gradient."),
        ("C79",),
    ),
    Bug(
        "mask-not-applied", "nothing is dropped", 15, MASK,
        ("How many zeros are there in your output?",
         "The mask decides, value by value.",
         "The product of the forward pass."),
        ("C80",),
    ),
    Bug(
        "dropout-mask-inverted", "the dropped and the kept values are exchanged", 15, MASK,
        ("What does a 1 in the mask mean: kept or dropped?",
         "With p = 0.2 most of the output should be there.",
         "The comparison that makes the mask, or the way it is used."),
        ("C80",),
    ),
    Bug(
        "other-mask", "backward and forward use different masks", 15, MASK,
        ("How often is a mask drawn in one step of training?",
         "The gradient has to go through the very places that the values went through.",
         "What is kept for the backward pass."),
        ("C79",),
    ),
    Bug(
        "mask-not-used", "a mask is drawn although one was given", 15, MASK,
        ("Where does your mask come from?",
         "To check a random function, its randomness must be given from outside.",
         "The line that draws random numbers."),
        ("C79",),
    ),
    Bug(
        "mask-from-x", "a second mask looks at the values", 15, MASK,
        ("On what does the decision to drop depend?",
         "Not on the value: a negative one is dropped as often as a positive one.",
         "The comparison in the backward pass."),
        ("C79",),
    ),
)  # fmt: skip
