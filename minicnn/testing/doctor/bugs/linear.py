"""Bugs of the dense layer."""

from .bug import Bug

SHAPES = "Matrix calculus by shapes"
BATCH = "The batch adds up"
BIAS = "One bias for all samples"

BUGS = (
    Bug(
        "weight-gradient-transposed",
        "the weight's gradient is transposed",
        5,
        SHAPES,
        (
            "What is the shape of the weight, and of your gradient?",
            "A gradient is laid out like its parameter: outputs first, then inputs.",
            "Look at which of the two factors is transposed; a square layer hides the mistake.",
        ),
        ("C24",),
    ),
    Bug(
        "transposed-once-too-often",
        "the way back uses the weight as the way forward does",
        5,
        SHAPES,
        (
            "Which shape takes a gradient of outputs to a gradient of inputs?",
            "What is transposed forward is not transposed backward.",
            "Look at the weight in the input's gradient; a square layer hides the mistake.",
        ),
        ("C28",),
    ),
    Bug(
        "weight-not-transposed",
        "the output uses the weight without the transpose",
        5,
        SHAPES,
        (
            "Which axis of the weight meets the inputs?",
            "The weight has a row per output; its columns belong to the inputs.",
            "Look at the product in forward; a square layer hides the mistake.",
        ),
        ("C28",),
    ),
    Bug(
        "divided-by-batch",
        "the gradient is divided by the batch size",
        5,
        BATCH,
        (
            "Is there a mean over the samples in this layer?",
            "The loss has divided by the batch already; a layer only adds up.",
            "Look for a mean or a division by the number of samples.",
        ),
        ("C25", "C27"),
    ),
    Bug(
        "bias-not-summed",
        "the bias' gradient is not summed over the batch",
        5,
        BIAS,
        (
            "How many samples use the same bias?",
            "It was copied to every sample; its gradient is the sum of all of them.",
            "Look at the shape of what you return for the bias.",
        ),
        ("C26",),
    ),
    Bug(
        "bias-summed-over-wrong-axis",
        "the bias' gradient is summed over the outputs",
        5,
        BIAS,
        (
            "Which axis is the batch?",
            "One number per output stays; the samples are summed away.",
            "Look at the axis of the sum; as many samples as outputs hide the mistake.",
        ),
        ("C27",),
    ),
    Bug(
        "bias-summed-over-everything",
        "all entries of the bias get one and the same gradient",
        5,
        BIAS,
        (
            "Does each output have a bias of its own?",
            "Only the samples are summed away.",
            "Look for a sum without an axis.",
        ),
        ("C27",),
    ),
    Bug(
        "bias-lost",
        "the bias is not added",
        5,
        BIAS,
        ("What is the output for x = 0?", "There it is the bias.", "Look at the end of forward."),
        ("C41",),
    ),
    Bug(
        "bias-along-wrong-axis",
        "the bias is added per sample, not per output",
        5,
        BIAS,
        (
            "Which axis of the output has one bias for each entry?",
            "NumPy aligns shapes at the last axis, which is the one of the outputs.",
            "Look for a reshape of the bias; as many samples as outputs hide the mistake.",
        ),
        ("C27",),
    ),
    Bug(
        "batch-averaged-input",
        "the samples are averaged before they are multiplied",
        5,
        BATCH,
        (
            "Is the sum of products the product of the sums?",
            "Each sample's input meets its own gradient, and then the products are added.",
            "Look for a mean or sum of x, or of gy, ahead of the product.",
        ),
        ("C29",),
    ),
    Bug(
        "one-sample-only",
        "only one sample of the batch counts",
        5,
        BATCH,
        (
            "Which samples are in your result?",
            "Every sample adds its part.",
            "Look for an index into the batch, a return inside a loop, or overwriting in it.",
        ),
        ("C29",),
    ),
)
