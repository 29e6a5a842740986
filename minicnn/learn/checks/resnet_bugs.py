"""Names for what goes wrong in lesson 18, beside the doctor's own."""

from ...testing.doctor.bugs.bug import Bug

BRANCH, SHAPE, START = "Two branches", "Where the shape changes", "Starting as the identity"
BUGS = (
    Bug(
        "not-a-module", "the result is not a Module", 18, BRANCH,
        ("What can be put into a network as one of its layers?",
         "Several layers become one Module by nn.Sequential; a list of them is none.",
         "What you return."),
    ),
    Bug(
        "convolution-count", "the number of convolutions is not right", 18, BRANCH,
        ("How many convolutions does the text name?",
         "Each of them is made once, in the order in which the data passes.",
         "The layers that you put together."),
    ),
    Bug(
        "convolution-size", "a convolution has another window than asked for", 18, BRANCH,
        ("Which of the convolutions are 1x1, and which 3x3?",
         "Only 3x3 looks at neighbours; 1x1 mixes channels.",
         "The window's size in each convolution."),
    ),
    Bug(
        "convolution-channels", "a convolution has other channels than asked for", 18, BRANCH,
        ("How many channels go into each convolution, and how many come out?",
         "What one gives is what the next one takes.",
         "The channels of the convolution in the evidence."),
    ),
    Bug(
        "convolution-bias", "the convolutions have biases that batch norm takes away", 18, BRANCH,
        ("What does batch norm do with a constant that is added to a channel?",
         "It subtracts the mean, and the constant with it.",
         "How the convolutions are made."),
    ),
    Bug(
        "norm-count", "the number of batch norms is not right", 18, BRANCH,
        ("What follows each convolution?",
         "Every convolution has a batch norm of its own.",
         "The layers that you put together."),
    ),
    Bug(
        "relu-after-branch", "the branch ends with a ReLU", 18, BRANCH,
        ("Can your branch give a negative number?",
         "It must be able to subtract from x; the block has a ReLU after the sum.",
         "The last layer of the branch."),
        ("C82",),
    ),
    Bug(
        "relu-between-missing", "there is no ReLU between the convolutions", 18, BRANCH,
        ("What are two convolutions without anything between them?",
         "A linear function of a linear function is linear.",
         "What follows each batch norm but the last."),
    ),
    Bug(
        "relu-missing-once", "a ReLU is missing between two of the convolutions", 18, BRANCH,
        ("What stands between each two convolutions?",
         "Every batch norm but the last is followed by a ReLU.",
         "The layers of the longer branch."),
    ),
    Bug(
        "branch-stride-lost", "the stride is not used: the image keeps its size", 18, SHAPE,
        ("What is the image's size after your layers, for stride 2?",
         "One convolution of the branch, and that of the shortcut, has the stride.",
         "The arguments of the convolutions."),
    ),
    Bug(
        "branch-stride-every", "more than one convolution has the stride", 18, BRANCH,
        ("What is the image's size after your layers, for stride 2?",
         "Strides of two convolutions multiply.",
         "The arguments of the convolutions."),
    ),
    Bug(
        "branch-stride-place", "another convolution has the stride than was asked for", 18, BRANCH,
        ("Which convolution should move in larger steps?",
         "The first 3x3: a 1x1 with stride 2 throws three of four pixels away unseen.",
         "The arguments of the convolutions."),
    ),
    Bug(
        "shortcut-has-weights", "the shortcut has weights where it needs none", 18, SHAPE,
        ("When has x the shape of the branch's result already?",
         "With the same channels and stride 1 nothing is left to do.",
         "The condition for a projection."),
    ),
    Bug(
        "shortcut-keeps-channels", "the shortcut does not change the number of channels", 18, SHAPE,
        ("Can x be added to a result with other channels?",
         "Other channels ask for a projection, whatever the stride is.",
         "The condition for a projection."),
    ),
    Bug(
        "shortcut-keeps-size", "the shortcut does not change the image's size", 18, SHAPE,
        ("Can x be added to a result of half its height?",
         "A stride asks for a projection, even if the channels stay.",
         "The condition for a projection."),
    ),
    Bug(
        "relu-after-shortcut", "the shortcut ends with a ReLU", 18, SHAPE,
        ("What does your shortcut do with a negative number?",
         "The only ReLU after the two paths is that of the block, after the sum.",
         "The last layer of the shortcut."),
        ("C82",),
    ),
    Bug(
        "gamma-not-zero", "the last batch norm's weight is not 0", 18, START,
        ("What does the branch give for any x, after your function?",
         "Its last layer multiplies by its weight; that is to be 0.",
         "Which parameter you fill, and whether it is filled in place."),
    ),
    Bug(
        "another-gamma-zero", "the weight of another batch norm has been changed", 18, START,
        ("Which layer's output is added to x?",
         "With two weights at 0 neither gets a gradient.",
         "How you choose the batch norm."),
    ),
    Bug(
        "beta-zero", "a bias has been changed", 18, START,
        ("What are gamma and beta called in the library?",
         "Gamma is the weight; only that is set to 0.",
         "Which parameter you fill."),
    ),
    Bug(
        "weights-zero", "the weights of a convolution have been changed", 18, START,
        ("What is the spread of a convolution's output if its weights are all 0?",
         "Batch norm would divide by it. The convolutions stay as they were drawn.",
         "Which layers you change."),
    ),
)  # fmt: skip
