"""Writes the instructions of one tile: how the sums start, the loops over k, how they end."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from .vector import INDEX, Code, Vectors


class TileWriter:
    """The tile of `tile`, with the names that are used there, at the place where a builder stands.

    ``given`` are the arguments: pointers to a, b, c, start and bias (of address 0 where there is
    none), numbers for the rest.
    """

    def __init__(self, vectors: Vectors, given: dict[str, Any], pixels: int, width: int) -> None:
        self.vectors, self.builder, self.given = vectors, vectors.builder, given
        self.pixels, self.width = pixels, width
        before = _number(vectors.lanes * (width - 1))
        self.mask = vectors.first(self.builder.sub(given["columns"], before))

    def write(self) -> None:
        self.finish(self.loops(self.rows_of_a(), self.given["b"], self.start()))

    def start(self) -> list[Code]:
        """start + bias, or one of them, or zeros"""
        sums = [self.vectors.zero] * (self.pixels * self.width)
        sums = self.only_if(self.there_is("bias"), sums, self.bias)
        return self.only_if(self.there_is("start"), sums, lambda: self.plus_start(sums))

    def bias(self) -> list[Code]:
        return [self.vectors.load(p) for p in self.beside(self.given["bias"])] * self.pixels

    def plus_start(self, sums: list[Code]) -> list[Code]:
        places = self.places("start")
        return [
            self.builder.fadd(s, self.vectors.load(place, mask))
            for s, (place, mask) in zip(sums, places, strict=True)
        ]

    def loops(self, a: list[Code], b: Code, sums: list[Code], level: int = 0) -> list[Code]:
        """Nested loops over k around `step`.

        A value that changes from round to round is a *phi*: the first round takes it from the block
        of code before the loop, the others from the end of the round before. All sums are phis, and
        that is what keeps them in registers.
        """
        if level == 3:
            return self.step(a, b, sums)
        builder, before = self.builder, self.builder.block
        count, a_step, b_step = (self.given[n][level] for n in ("counts", "a_steps", "b_steps"))
        body = builder.append_basic_block("k")
        builder.branch(body)
        builder.position_at_end(body)
        first = [_number(0), *a, b, *sums]
        carried = [builder.phi(value.type) for value in first]
        done, a, b, sums = (
            carried[0],
            carried[1 : 1 + len(a)],
            carried[1 + len(a)],
            carried[2 + len(a) :],
        )
        sums = self.loops(a, b, sums, level + 1)
        done = builder.add(done, _number(1))
        a = [builder.gep(row, [a_step]) for row in a]
        following = [done, *a, builder.gep(b, [b_step]), *sums]
        for phi, start, after in zip(carried, first, following, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(after, builder.block)
        end = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", done, count), body, end)
        builder.position_at_end(end)
        return sums

    def step(self, a: list[Code], b: Code, sums: list[Code]) -> list[Code]:
        """C[p, :] + A[p, k] * B[k, :] for one k and all rows p"""
        row_of_b = [self.vectors.load(place) for place in self.beside(b)]
        rows = [row for first in a for row in _apart(self.builder, first, self.given["a_row"], 3)]
        new: list[Code] = []
        for row in rows[: self.pixels]:
            number = self.vectors.spread(self.builder.load(row))
            old = sums[len(new) : len(new) + self.width]
            new += [
                self.vectors.multiply_add(number, v, s) for v, s in zip(row_of_b, old, strict=True)
            ]
        return new

    def finish(self, sums: list[Code]) -> None:
        """Limit the sums and put them where C is; of the last vector only what belongs to C."""
        builder, vectors = self.builder, self.vectors
        low, high = (vectors.spread(self.given[name]) for name in ("low", "high"))
        no_low, no_high = (ir.Constant(vectors.number, float(x)) for x in ("-inf", "inf"))
        is_limited = builder.or_(
            builder.fcmp_unordered("!=", self.given["low"], no_low),
            builder.fcmp_unordered("!=", self.given["high"], no_high),
        )
        sums = self.only_if(is_limited, sums, lambda: [vectors.within(s, low, high) for s in sums])
        whole = _number(vectors.lanes * self.width)
        is_whole = builder.icmp_signed("==", self.given["columns"], whole)
        with builder.if_else(is_whole) as (then, otherwise):
            with then:
                for value, (place, _) in zip(sums, self.places("c"), strict=True):
                    vectors.store(value, place)
            with otherwise:
                for value, (place, mask) in zip(sums, self.places("c"), strict=True):
                    vectors.store(value, place, mask)

    def only_if(
        self, condition: Code, values: list[Code], make: Callable[[], list[Code]]
    ) -> list[Code]:
        """``make()`` where the condition holds, else the values as they are."""
        builder, before = self.builder, self.builder.block
        yes, after = builder.append_basic_block("yes"), builder.append_basic_block("after")
        builder.cbranch(condition, yes, after)
        builder.position_at_end(yes)
        made, from_yes = make(), builder.block
        builder.branch(after)
        builder.position_at_end(after)
        phis = [builder.phi(value.type) for value in values]
        for phi, old, new in zip(phis, values, made, strict=True):
            phi.add_incoming(old, before)
            phi.add_incoming(new, from_yes)
        return phis

    def there_is(self, name: str) -> Code:
        address = self.builder.ptrtoint(self.given[name], INDEX)
        return self.builder.icmp_signed("!=", address, _number(0))

    def rows_of_a(self) -> list[Code]:
        """Every third row of A; the others lie one and two distances after these.

        An x86 instruction can add a register, and twice or four times it, to an address by itself.
        The empty assembler hides from LLVM that these rows are related: it would keep the distance
        of each in a register of its own, and there are not enough.
        """
        builder, a = self.builder, self.given["a"]
        hidden = ir.FunctionType(a.type, [a.type])
        three = builder.mul(self.given["a_row"], _number(3))
        return [
            builder.asm(hidden, "", "=r,0", [row], False)
            for row in _apart(builder, a, three, -(-self.pixels // 3))
        ]

    def places(self, name: str) -> list[tuple[Code, Code]]:
        """Where each vector of a tile lies, and the mask of the last one in a row."""
        rows = _apart(self.builder, self.given[name], self.given["c_row"], self.pixels)
        masks = [None] * (self.width - 1) + [self.mask]
        return [place for row in rows for place in zip(self.beside(row), masks, strict=True)]

    def beside(self, start: Code) -> list[Code]:
        """The places of the vectors of one row."""
        return _apart(self.builder, start, _number(self.vectors.lanes), self.width)


def _apart(builder: ir.IRBuilder, start: Code, distance: Code, count: int) -> list[Code]:
    """``count`` places, the first at ``start``, each ``distance`` numbers after the one before."""
    return [builder.gep(start, [builder.mul(distance, _number(n))]) for n in range(count)]


def _number(value: int) -> Code:
    return ir.Constant(INDEX, value)
