"""Lesson 09: the names of what goes wrong with data."""

from ...testing.doctor.bugs.bug import Bug

FILE, BYTES, AXIS = "A file is a row of bytes", "Bytes wrap around", "The channel axis moves"
MEAN, ONCE = "Whose mean is it?", "Every sample once"
BUGS = (
    Bug(
        "byte-order", "the bytes of each number are read in the wrong order", 9, FILE,
        ("In which order does the file store the bytes of a number?",
         "The type's name says the byte order, too; without a mark it is your processor's.",
         "Look at the type that you read the numbers with, and the one for the lengths."),
    ),
    Bug(
        "axes-reversed", "the lengths of the axes are in reverse order", 9, FILE,
        ("Which length comes first in the file, and which first in a shape?",
         "The last axis runs fastest, in the file and in a NumPy array.",
         "Look at the order in which you use the lengths."),
    ),
    Bug(
        "first-axis-fastest", "the first axis runs fastest, not the last", 9, FILE,
        ("Which two numbers of an image lie side by side in the file?",
         "The last axis runs fastest, as it does in NumPy if nothing else is said.",
         "Look at how the row of numbers becomes an array."),
    ),
    Bug(
        "shape-lost", "the numbers come in one row, without their axes", 9, FILE,
        ("What does the header say beside the type?",
         "The numbers are right; they need the shape that the header gives.",
         "Look at what you do with the lengths after reading them."),
    ),
    Bug(
        "cut-file-accepted", "a file that is cut short is accepted", 9, FILE,
        ("How many numbers does the header promise, and how many came?",
         "A file may end too early, after a broken download. Then there must be an error.",
         "Compare what the lengths promise with what follows the header."),
    ),
    Bug(
        "bytes-wrap", "arithmetic in bytes wraps around at 256", 9, BYTES,
        ("What is 2 times 200 in a byte?",
         "The result of bytes and a small whole number is bytes again.",
         "Look at the first operation: of which type are its numbers?"),
    ),
    Bug(
        "reshaped", "reshaped where an axis has to move", 9, AXIS,
        ("Which number of the file comes second in your result?",
         "A reshape keeps the order of the numbers; here the order has to change.",
         "Look at the step that makes the shape (N, C, H, W)."),
    ),
    Bug(
        "axes-swapped", "height and width have changed places", 9, AXIS,
        ("Are your images mirrored at the diagonal?",
         "The channel moves, and height stays before width.",
         "Look at the order of the axes that you ask for."),
    ),
    Bug(
        "channels-last", "the channels are still the last axis", 9, AXIS,
        ("Which axis do our networks expect second?",
         "The numbers are right; one axis has to move.",
         "Look at the shape of your result."),
    ),
    Bug(
        "not-stretched", "the pixels lie between 0 and 1, not between -1 and 1", 9, AXIS,
        ("What should a black pixel become?",
         "The formula doubles and subtracts.",
         "Look at the numbers that bytes 0 and 255 become."),
    ),
    Bug(
        "divided-by-256", "the pixels are divided by 256, not by 255", 9, AXIS,
        ("What should a white pixel, 255, become?",
         "A byte has 256 values, and the largest is 255.",
         "Look at the number that you divide by."),
    ),
    Bug(
        "own-statistics", "the test images are standardized with their own mean and std", 9, MEAN,
        ("Which scale has the network learned?",
         "A single test image would have no statistics of its own.",
         "Look at which array the second mean and the second std are taken of."),
    ),
    Bug(
        "statistics-of-both", "mean and std are taken of both sets together: a leak", 9, MEAN,
        ("Which images may the training know?",
         "The second set stands for images that do not exist yet.",
         "Look at what the mean and the std are taken of."),
    ),
    Bug(
        "other-unchanged", "the second set is not standardized", 9, MEAN,
        ("On which scale will the network see the second set?",
         "Both arrays get the same formula.",
         "Look at the second array that you return."),
    ),
    Bug(
        "divided-by-variance", "divided by the variance instead of the standard deviation", 9, MEAN,
        ("Which std does your result have?",
         "The variance is the square of what is wanted.",
         "Look at the number that you divide by."),
    ),
    Bug(
        "not-divided", "the mean is subtracted, and nothing divides by the std", 9, MEAN,
        ("Which std does your result have?",
         "Two numbers of each channel are needed.",
         "Look for the division."),
    ),
    Bug(
        "mean-not-subtracted", "the mean is not subtracted", 9, MEAN,
        ("Which mean does your result have?",
         "Two numbers of each channel are needed.",
         "Look for the subtraction."),
    ),
    Bug(
        "per-pixel", "each pixel has a mean and std of its own", 9, MEAN,
        ("How many means are there for images with three channels?",
         "A pixel that is always black would have the std 0.",
         "Look at the axes that the mean runs over."),
    ),
    Bug(
        "per-image", "each image is standardized with its own mean and std", 9, MEAN,
        ("How many means are there for images with three channels?",
         "A dark image should stay darker than others.",
         "Look at the axes that the mean runs over."),
    ),
    Bug(
        "one-for-all-channels", "one mean and std for all channels together", 9, MEAN,
        ("How many means are there for images with three channels?",
         "A channel keeps its own mean; all other axes are averaged over.",
         "Look at the axes that the mean runs over."),
    ),
    Bug(
        "shuffled-apart", "images and labels are shuffled apart", 9, ONCE,
        ("Is image 7 still beside label 7?",
         "One order must serve for both arrays.",
         "Look at how each of the two arrays gets its new order."),
    ),
    Bug(
        "drop-last", "the last, smaller batch is missing", 9, ONCE,
        ("How many samples come in one epoch?",
         "N need not be a multiple of the batch size.",
         "Look at how you count the batches, or at where the loop ends."),
    ),
    Bug(
        "sample-twice", "samples come more than once in an epoch, and others not at all", 9, ONCE,
        ("How often does each index come in one epoch?",
         "Drawing with replacement is no permutation; and pieces must not overlap.",
         "Look at how the order is drawn, and where each piece begins and ends."),
    ),
    Bug(
        "sample-missing", "samples are missing from the epoch", 9, ONCE,
        ("How often does each index come in one epoch?",
         "Each piece begins where the one before has ended, and the first at 0.",
         "Look at the first and the last piece."),
    ),
    Bug(
        "batch-sizes", "the batches have other sizes than they should", 9, ONCE,
        ("How many samples are in each of your batches?",
         "All have the asked size but the last, which has what is left, and is never empty.",
         "Look at where each piece begins and ends."),
    ),
    Bug(
        "not-shuffled", "the samples come in the order of the file", 9, ONCE,
        ("Which labels would a sorted file put into the first batch?",
         "Each epoch has a new random order.",
         "Look for where the order is drawn, and whether it is used."),
    ),
    Bug(
        "blocks-shuffled", "the batches are shuffled, and the samples in them are not", 9, ONCE,
        ("Can two samples that lie far apart in the file meet in one batch?",
         "The order of all samples is random, not the order of the pieces.",
         "Look at what it is that you permute."),
    ),
    Bug(
        "same-order", "every epoch has the same order", 9, ONCE,
        ("What is the state of the generator when the second epoch begins?",
         "The caller's generator goes on from one epoch to the next.",
         "Look for a generator that is made anew, or a seed that is set, inside."),
    ),
    Bug(
        "not-from-rng", "the order does not come from the caller's generator", 9, ONCE,
        ("Would the same seed give the same training again?",
         "All random numbers must come from the generator that you were given.",
         "Look at which generator draws the order."),
    ),
)  # fmt: skip
