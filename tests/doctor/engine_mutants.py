"""Engines with one bug each in their rules, their order, or their start."""

from .engine_catalogue import MUTANTS, EngineMutant, mutant, replaced

# Accumulation


def assign(self, g):
    self.grad = g


@mutant("engine-overwrites")
def overwrites(base):
    return replaced(base, accumulate=assign)


def assigning_op(op):
    """Only the rule of one op assigns."""

    def build(base):
        def visit(self):
            if self.rule and self.assigns:
                for parent, g in zip(self.parents, self.rule(self.grad), strict=True):
                    parent.grad = parent.fit(g)
            else:
                base.visit(self)

        def run(self, *others):
            made = getattr(base, op)(self, *others)
            made.assigns = True
            return made

        return replaced(base, assigns=False, visit=visit, **{op: run})

    return build


for _op in ("__add__", "__mul__", "tanh", "__truediv__"):
    MUTANTS.append(EngineMutant(f"{_op} assigns", ("engine-overwrites",), assigning_op(_op)))


@mutant("engine-overwrites")
def assigns_second_operand(base):
    def visit(self):
        for i, parent in enumerate(self.parents if self.rule else ()):
            g = parent.fit(self.rule(self.grad)[i])
            parent.grad = g if i else parent.grad + g

    return replaced(base, visit=visit)


# Order


def breadth(self):
    order, todo = [], [self]
    while todo:
        node = todo.pop(0)
        if node not in order:
            order.append(node)
            todo.extend(node.parents)
    return order


@mutant("engine-breadth-first")
def breadth_first(base):
    return replaced(base, order=breadth)


def preorder(self):
    order = []

    def go(node):
        if node not in order:
            order.append(node)
            for parent in node.parents:
                go(parent)

    go(self)
    return order


@mutant("engine-pre-order", "engine-deep-chain", strict=True)
def pre_order(base):
    return replaced(base, order=preorder)


@mutant("engine-pre-order")
def stack_order(base):
    def order(self):
        seen, todo, found = {self}, [self], []
        while todo:
            found.append(todo.pop())
            for parent in found[-1].parents:
                if parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        return found

    return replaced(base, order=order)


@mutant("engine-order")
def by_leaf_distance(base):
    """Sorted by the shortest, not the longest, way to a leaf."""

    def order(self):
        nodes = self.below()
        near = {}
        for node in nodes:
            near[node] = 1 + min((near[p] for p in node.parents), default=-1)
        return sorted(nodes, key=lambda node: -near[node])

    return replaced(base, order=order)


@mutant("engine-forward-order")
def forward_order(base):
    return replaced(base, order=lambda self: self.below())


@mutant("engine-forward-order")
def last_op_only(base):
    return replaced(base, order=lambda self: [self])


@mutant("engine-visits-again")
def no_visited_set(base):
    def below(self):
        order = []

        def build(node):
            for parent in node.parents:
                build(parent)
            order.append(node)

        build(self)
        return order

    return replaced(base, below=below)


@mutant("engine-visits-again")
def recursive_no_visited(base):
    def go(self):
        self.visit()
        for parent in self.parents:
            parent.go()

    def backward(self):
        self.reset(self.below())
        self.seed()
        self.go()

    return replaced(base, go=go, backward=backward)


@mutant("engine-visits-again")
def result_visited_twice(base):
    def backward(self):
        nodes = self.order()
        self.reset(nodes)
        self.seed()
        self.visit()
        for node in nodes:
            node.visit()

    return replaced(base, backward=backward)


@mutant("engine-exponential")
def per_path(base):
    def go(self, g):
        if not self.rule:
            self.accumulate(g)
        else:
            for parent, part in zip(self.parents, self.rule(g), strict=True):
                parent.go(parent.fit(part))

    return replaced(base, go=go, backward=lambda self: self.go(self.one()))


@mutant("engine-exponential")
def per_path_queue(base):
    """Without recursion: the paths wait in a list."""

    def backward(self):
        todo = [(self, self.one())]
        while todo:
            node, g = todo.pop()
            if node.rule:
                parts = zip(node.parents, node.rule(g), strict=True)
                todo += [(parent, parent.fit(part)) for parent, part in parts]
            else:
                node.accumulate(g)

    return replaced(base, backward=backward)


@mutant("engine-side-branch")
def counts_all_uses(base):
    """Waits for every op that uses a value, those beside the result too."""

    def make(self, data, parents, rule):
        made = base.make(self, data, parents, rule)
        made.uses = 0
        for parent in parents:
            parent.uses += 1
        return made

    def order(self):
        waiting = {node: node.uses for node in self.below()}
        order, ready = [], [self]
        while ready:
            order.append(ready.pop())
            for parent in order[-1].parents:
                waiting[parent] -= 1
                if waiting[parent] == 0:
                    ready.append(parent)
        return order

    return replaced(base, uses=0, make=make, order=order)


# Start


@mutant("engine-no-seed")
def no_seed(base):
    return replaced(base, seed=lambda self: None, reset=lambda self, nodes: None)


@mutant("engine-no-seed")
def no_seed_none(base):
    def visit(self):
        for parent, g in zip(self.parents, self.rule(self.grad) if self.rule else (), strict=False):
            g = parent.fit(g)
            parent.grad = g if parent.grad is None else parent.grad + g

    nothing = {"seed": lambda self: None, "reset": lambda self, nodes: None}
    return replaced(base, zero=lambda self: None, visit=visit, **nothing)


@mutant("engine-seed")
def seed_two(base):
    return replaced(base, one=lambda self: 2.0 + 0 * self.data)


@mutant("engine-seed")
def seed_value(base):
    return replaced(base, one=lambda self: self.data)


@mutant("engine-no-gradients")
def never_calls_rules(base):
    return replaced(base, visit=lambda self: None)


@mutant("engine-grad-none")
def grad_none(base):
    return replaced(base, zero=lambda self: None, visit=lambda self: None)


# Local rules


def rule(op, bugs, **steps):
    MUTANTS.append(EngineMutant(op, (bugs,), lambda base: replaced(base, **steps)))


def own_value(a, b):
    x, y = a.saved(), b.saved()
    return lambda g: (g * x, g * y)


def not_squared(a, b):
    x, y = a.saved(), b.saved()
    return lambda g: (g / y, -g * x / y)


def factor_lost(a, n):
    x = a.saved()
    return lambda g: (g * x ** (n - 1.0),)


def exponent_kept(a, n):
    x = a.saved()
    return lambda g: (g * n * x**n,)


def upstream_ignored(a, b):
    x, y = a.saved(), b.saved()
    return lambda g: (y + 0 * g, x + 0 * g)


def second_lost(a, b):
    y = b.saved()
    return lambda g: (g * y, 0 * g)


rule("mul: own value", "engine-rule:mul", mul_rule=own_value)
rule("div: not squared", "engine-rule:div", div_rule=not_squared)
rule("sub: sign", "engine-rule:sub", sub_rule=lambda a, b: lambda g: (g, g))
rule("neg: sign", "engine-rule:neg", neg_rule=lambda a: lambda g: (g,))
rule("pow: factor lost", "engine-rule:pow", pow_rule=factor_lost)
rule("pow: exponent kept", "engine-rule:pow", pow_rule=exponent_kept)
rule("tanh: square lost", "engine-rule:tanh", tanh_rule=lambda a, x, y: lambda g: (g * (1 - y),))
rule("tanh: x for y", "engine-rule:tanh", tanh_rule=lambda a, x, y: lambda g: (g * (1 - x**2),))
rule("exp: one", "engine-rule:exp", exp_rule=lambda a, y: lambda g: (g,))
rule("relu: all", "engine-rule:relu", relu_rule=lambda a, x: lambda g: (g,))
rule("add: half", "engine-rule:add", add_rule=lambda a, b: lambda g: (g / 2, g / 2))
rule("mul: upstream ignored", "engine-upstream-ignored:mul", mul_rule=upstream_ignored)
rule(
    "tanh: upstream ignored",
    "engine-upstream-ignored:tanh",
    tanh_rule=lambda a, x, y: lambda g: (1 - y**2,),
)
rule("mul: second operand lost", "engine-operand-lost:mul", mul_rule=second_lost)
rule("rsub", "engine-forward:sub", __rsub__=lambda a, x: a - x)
rule(
    "tanh: divided by the upstream gradient",
    "engine-gradient-wrong",
    tanh_rule=lambda a, x, y: lambda g: ((1 - y**2) / g,),
)
