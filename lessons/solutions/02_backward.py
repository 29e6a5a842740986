"""02 Backward in the right order: the solutions.

Made from lessons/02_backward.py. Write your own first: there is more than one
right answer.
"""


# 02.1 topological_sort   ★★★   40 minutes
def topological_sort(root):
    """List the root and all values below it once, each after those that use it; root is first.

    ``value.parents`` are the values that a value was made of.
    """
    uses, found, order = {}, [root], [root]
    for value in found:  # the list grows meanwhile
        for parent in value.parents:
            if parent not in uses:
                found.append(parent)
            uses[parent] = uses.get(parent, 0) + 1
    for value in order:  # and so does this one
        for parent in value.parents:
            uses[parent] -= 1
            if uses[parent] == 0:
                order.append(parent)
    return order


# 02.2 backward   ★★   15 minutes
def backward(order):
    """Run the rules of all values, ``value._backward()``, in the order of a topological sort.

    Values with parents start from the gradient 0, the result (first in the list) from 1. Leaves,
    which have no parents, add to the gradient that they have.
    """
    for value in order:
        if value.parents:
            value.grad = 0.0
    order[0].grad = 1.0
    for value in order:
        value._backward()


# 02.3 product_rule   ★★   15 minutes
def product_rule(a, b, out):
    """The rule of out = a * b: a function without arguments that adds to a.grad and b.grad.

    It uses the numbers that a and b hold now, and the gradient that out has when it is called.
    """
    a_data, b_data = a.data, b.data

    def _backward():
        a.grad += b_data * out.grad
        b.grad += a_data * out.grad

    return _backward
