"""Lesson 02: other right answers, and changes of the solutions that make no difference."""


def sort_by_marks(root):
    """Depth first with a stack; a value is put on the list after all that it was made of."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        value, done = stack.pop()
        if done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack.extend((parent, False) for parent in value.parents)
    return order[::-1]


def sort_by_iterators(root):
    """Depth first with a stack of iterators, as the recursion would have them."""
    order, seen, stack = [], {root}, [(root, iter(root.parents))]
    while stack:
        value, parents = stack[-1]
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, iter(parent.parents)))
                break
        else:
            order.append(stack.pop()[0])
    order.reverse()
    return tuple(order)


def backward_in_one_loop(order):
    order[0].grad = 1.0
    for value in order[1:]:
        if value.parents != ():
            value.grad = 0.0
    while order:
        order[0]._backward()
        order = order[1:]


def rule_with_defaults(a, b, out):
    def rule(u=a.data, v=b.data):
        g = out.grad
        a.grad = a.grad + v * g
        b.grad = b.grad + u * g

    return rule


def rule_by_lambda(a, b, out):
    parts = [(a, float(b.data)), (b, float(a.data))]
    return lambda: [setattr(v, "grad", v.grad + slope * out.grad) for v, slope in parts]


ALTERNATIVES = {
    "02.1": [{"topological_sort": f} for f in (sort_by_marks, sort_by_iterators)],
    "02.2": [{"backward": backward_in_one_loop}],
    "02.3": [{"product_rule": f} for f in (rule_with_defaults, rule_by_lambda)],
}
SURVIVORS: dict[str, str] = {}
