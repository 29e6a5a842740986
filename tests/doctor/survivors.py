"""Code mutants that the doctor accepts, each with the reason why that is right.

Patterns of their keys ("op: function: line before  ->  line after"). A mutant that survives without
a reason here fails tests/doctor/test_code_mutants.py, and so does a reason without a mutant.
"""

REASONS = {
    r"^(add|sub): .*gy \* slope\(c\).*gy / slope\(c\)": "the slope is 1 or -1",
    r"\* 1\.0  ->  .* / 1\.0": "to divide by 1 is to multiply by 1",
    r"-2, (1\)|\*a\.shape)|, -2, |reshape\(1, -2": "NumPy takes any negative length for the rest",
    r"\(1, -1\) \+ .*  ->  .*\(1, -2\)": "NumPy takes any negative length for the rest",
    r"np\.maximum\((\w|\.)+, 0\).*  ->  .*np\.maximum\(0, ": "the larger of two, in either order",
    r"c\.x == 0, AT_ZERO.* c\.x > 0\)  ->  .*c\.x >= 0\)": "at 0 the convention decides alone",
    r"np\.where\(c\.x > 0, c\.x, .*  ->  .*c\.x >= 0": "both branches are 0 at 0",
    r"x >= 0, 1 / \(1 \+ e\).*  ->  .*x > 0": "both branches are 1/2 at 0",
    r"strict=True.*strict=False": "the lengths are equal",
    r"zip\(shape\[-2:\].*  ->  .*zip\(shape\[(2|-3):\]": "the shape has two axes, or four",
    r"^depthwise_conv2d: .*joined": "a group has one channel: an axis has length 1",
    r"^depthwise_conv2d: by_group.*groups, 1,": "a group has one channel",
    r"^max_pool2d: chosen: entries = .*reshape\(ch, n,": "these axes come back as they were",
    r"^(max|avg)_pool2d: place: .*'padding', (1|-1)": "the option is given, or always 0",
    r"^(global_)?avg_pool2d: axes: rows, cols": "without padding, with one window or one stride",
    r"^global_avg_pool2d: axes: sizes = .*zip\(pair\(kernel\)": "the window is the image",
    r"^squeeze_excite: gweight: .* / n\(c\)": "the number is 1 for the right rule",
    r"^squeeze_excite: forward: return use": "a product, in either order",
}
