"""Lesson 12: the names of what goes wrong with parts of the work and with the roofline."""

from ...testing.doctor.bugs.bug import Bug

KERNEL, CUT = "A kernel for one part of the work", "Parts without gaps and overlaps"
ROOF = "The roof over a kernel"
BUGS = (
    Bug(
        "outside-its-part", "rows outside the part are written", 12, "A race",
        ("Which rows of y belong to another thread?",
         "What you write outside your part may come before or after what its owner writes.",
         "Look at the rows that you set to zero, and at the range of the loop over rows."),
    ),
    Bug(
        "not-written", "the rows of the part are not written", 12, KERNEL,
        ("Who sees your result: does the caller look at y or at what you return?",
         "The caller's array y has to have the numbers afterwards.",
         "Look for an assignment to the name y itself; it makes a new array."),
    ),
    Bug(
        "adds-to-old", "the old content of y is added to", 12, KERNEL,
        ("What is in an array that nobody has filled?",
         "A sum needs a first value, and the one in y is not yours.",
         "Look for where each output number gets its first value."),
    ),
    Bug(
        "filter-turned", "the filter is turned round", 12, KERNEL,
        ("Which pixel meets the tap (0, 0)?",
         "The formula is a correlation: the tap moves the pixel in the same direction.",
         "Look at the index of x or of weight: is there a minus?"),
    ),
    Bug(
        "taps-transposed", "rows and columns of the filter have changed places", 12, KERNEL,
        ("Which axis of weight goes with the rows of x?",
         "u belongs to i, and v to j.",
         "Look at the order of the two tap indices in weight or in x."),
    ),
    Bug(
        "channels-mixed", "the channels are summed up", 12, KERNEL,
        ("Over which indices does the formula sum?",
         "In a depthwise convolution no channel meets another.",
         "Look at which index of y, x and weight is the channel."),
    ),
    Bug(
        "part-from-zero", "the part has the numbers of the first rows", 12, KERNEL,
        ("Which rows of x does output row i look at?",
         "Row i of y is row i of the whole, not row i of the part.",
         "Look at whether i counts from 0 or from start, in y and in x."),
    ),
    Bug(
        "no-such-row", "a part goes beyond the last row", 12, CUT,
        ("What is the largest index that a row can have?",
         "Rounding up every size makes more rows than there are.",
         "Look at the stop of the last parts."),
    ),
    Bug(
        "parts-overlap", "rows are in two parts: a race", 12, CUT,
        ("Where does a part end, and where does the next one begin?",
         "The stop of a pair is not in the part; the next part begins right there.",
         "Look at the start of each part but the first."),
    ),
    Bug(
        "rows-left-out", "rows are in no part", 12, CUT,
        ("What happens to the rest of the division?",
         "10 rows for 4 workers: 2 each makes 8.",
         "Look at the last part: does it end with the last row?"),
    ),
    Bug(
        "not-one-each", "there is not one part for each worker", 12, CUT,
        ("How many pairs are there for 3 rows and 5 workers?",
         "A worker without rows has an empty part: its start equals its stop.",
         "Look at how many pairs you make, and whether a stop comes before its start."),
    ),
    Bug(
        "not-in-order", "the parts are not in the order of the rows", 12, CUT,
        ("Which rows does the first worker get?",
         "The first pair begins at 0, the last one ends at the number of rows.",
         "Look at the order in which the pairs are made."),
    ),
    Bug(
        "unbalanced", "one part is much larger than another", 12, CUT,
        ("When is the slowest worker ready?",
         "If one worker takes the whole rest, all others wait for it.",
         "Look at how the rest of the division is shared out."),
    ),
    Bug(
        "one-operation", "a multiply-add is counted as one operation", 12, ROOF,
        ("How many operations are a multiplication and an addition?",
         "The peak counts both.",
         "Look at the number of operations."),
    ),
    Bug(
        "numbers-for-bytes", "numbers are counted instead of bytes", 12, ROOF,
        ("How many bytes has a number of single precision?",
         "The bandwidth is in bytes.",
         "Look at what you divide the operations by."),
    ),
    Bug(
        "groups-ignored", "the groups are ignored", 12, ROOF,
        ("With how many input channels does one output channel meet?",
         "Groups make weight, and the work, smaller by their number.",
         "Look at the number of products for one pixel, and the size of weight."),
    ),
    Bug(
        "weight-not-moved", "the weight's bytes are not counted", 12, ROOF,
        ("Which arrays does the kernel read?",
         "Three arrays pass between memory and processor.",
         "Look at the sum of the numbers that are moved."),
    ),
    Bug(
        "x-not-moved", "the bytes of x are not counted", 12, ROOF,
        ("Which arrays does the kernel read?",
         "Three arrays pass between memory and processor.",
         "Look at the sum of the numbers that are moved."),
    ),
    Bug(
        "y-not-moved", "the bytes of y are not counted", 12, ROOF,
        ("Where does the result go?",
         "Three arrays pass between memory and processor.",
         "Look at the sum of the numbers that are moved."),
    ),
    Bug(
        "no-peak", "the peak does not limit the speed", 12, ROOF,
        ("Can a kernel do more operations per second than the core?",
         "There are two limits.",
         "Look at which of the two limits is returned."),
    ),
    Bug(
        "larger-limit", "the larger of the two limits is taken", 12, ROOF,
        ("Which of two limits does a kernel meet first?",
         "A roof is as high as its lowest part.",
         "Look at how the two limits are joined."),
    ),
    Bug(
        "bytes-per-operation", "intensity is upside down: bytes per operation", 12, ROOF,
        ("GB/s times what gives GFLOP/s?",
         "Write the units: bytes must cancel.",
         "Look at what is divided by what."),
    ),
)  # fmt: skip
