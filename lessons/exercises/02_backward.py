"""02 Backward in the right order: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 02.1`. The text is in lessons/02_backward/README.md.
"""


# 02.1 topological_sort   ★★★   40 minutes
def topological_sort(root):
    """List the root and all values below it once, each after those that use it; root is first.

    ``value.parents`` are the values that a value was made of.
    """
    raise NotImplementedError("02.1 topological_sort: your turn")


# 02.2 backward   ★★   15 minutes
def backward(order):
    """Run the rules of all values, ``value._backward()``, in the order of a topological sort.

    Values with parents start from the gradient 0, the result (first in the list) from 1. Leaves,
    which have no parents, add to the gradient that they have.
    """
    raise NotImplementedError("02.2 backward: your turn")


# 02.3 product_rule   ★★   15 minutes
def product_rule(a, b, out):
    """The rule of out = a * b: a function without arguments that adds to a.grad and b.grad.

    It uses the numbers that a and b hold now, and the gradient that out has when it is called.
    """
    raise NotImplementedError("02.3 product_rule: your turn")
