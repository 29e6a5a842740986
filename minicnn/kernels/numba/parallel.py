"""One function, called for each part of the work by a team of threads: `run_parts`.

Numba's threading layer is a C function, which every `prange` ends in,

    numba_parallel_for(task, args, dimensions, steps, data, inner dimensions, arrays, threads)

It divides the numbers 0 ... dimensions[0] - 1 into ranges, and calls for each on one of the threads

    task(args + first * steps, how many, steps, data)

Here every thread is given one number, whichever it is, and all share what `data` points to. `task`
is a few instructions: take the next part that nobody has taken, call the function for it, and again
until there is none. So a thread that is slower does fewer parts: its core may be a small one, or
busy with other work too. Who does a part makes no difference to the result.

Numba finds the same for a function with `prange` by analysing it, turning the loop into the text of
a Python function, and compiling that beside the first.
"""
# mypy: allow-untyped-defs

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

from .micro.vector import INDEX

_BYTES = ir.IntType(8).as_pointer()
_FLAG = ir.IntType(1)
_TASK = ir.FunctionType(
    ir.VoidType(), [_BYTES.as_pointer(), INDEX.as_pointer(), INDEX.as_pointer(), _BYTES]
)
_PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [_BYTES] * 5 + [INDEX] * 3)


def parts_on_threads(function: Callable, options: dict[str, Any]) -> Callable:
    """``function(part, parts, ...)``, compiled, as ``kernel(parts, workers, ...)``."""

    def kernel(parts, workers, *args):
        if run_parts(function, parts, workers, args):
            raise RuntimeError("a part of a kernel failed; there may be too little memory")

    # Names tell kernels apart in machine code, so each must have its own.
    kernel.__name__, kernel.__qualname__ = function.__name__, function.__qualname__
    kernel.__module__ = function.__module__
    return njit(**options)(kernel)


@intrinsic
def run_parts(typing, function, parts, workers, args):
    """Call ``function(part, parts, *args)`` for all parts; whether one of them failed"""
    called = typing.resolve_function_type(function, (types.intp, types.intp, *args.types), {})

    def write(context, builder, signature, values):
        _, parts, workers, given = values
        given = _without_owners(context, builder, args, given)
        compiled = function.dispatcher.get_compile_result(called)
        context.active_code_library.add_linking_library(compiled.library)
        shared = ir.LiteralStructType([_FLAG, INDEX, parts.type, given.type])
        data = cgutils.alloca_once(builder, shared)
        for i, value in enumerate((_FLAG(0), INDEX(0), parts, given)):  # failed, next part, ...
            builder.store(value, cgutils.gep_inbounds(builder, data, 0, i))
        task = _task(context, builder.module, compiled.fndesc, called, data.type)
        _start(builder, task, workers, data)
        return builder.load(cgutils.gep_inbounds(builder, data, 0, 0))

    return types.boolean(function, types.intp, types.intp, args), write


def _without_owners(context, builder, kinds, values):
    """The arguments, their arrays as mere views of memory.

    An array that has an owner counts, for it, how many use it, with each slice that is taken; and
    two threads that count at the same place wait for each other, longer than most slices are used.
    The caller owns the arrays until all parts are done.
    """
    for i, kind in enumerate(kinds):
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, builder.extract_value(values, i))
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            array.parent = cgutils.get_null_value(array.parent.type)
            values = builder.insert_value(values, array._getvalue(), i)
    return values


def _task(context, module, description, called, pointer):
    """The function that the threading layer calls"""
    task = ir.Function(module, _TASK, module.get_unique_name("task"))
    task.linkage = "internal"
    builder = ir.IRBuilder(task.append_basic_block())
    data = builder.bitcast(task.args[3], pointer)
    failed, taken, parts, given = (cgutils.gep_inbounds(builder, data, 0, i) for i in range(4))
    parts, given = builder.load(parts), cgutils.unpack_tuple(builder, builder.load(given))
    function = context.declare_function(module, description)
    take, work, end = (task.append_basic_block(name) for name in ("take", "work", "end"))
    builder.branch(take)
    builder.position_at_end(take)
    part = builder.atomic_rmw("add", taken, INDEX(1), "monotonic")  # its value before
    builder.cbranch(builder.icmp_signed("<", part, parts), work, end)
    builder.position_at_end(work)
    status, _ = context.call_conv.call_function(
        builder, function, called.return_type, called.args, [part, parts, *given]
    )
    with builder.if_then(status.is_error):
        builder.store(_FLAG(1), failed)
    builder.branch(take)
    builder.position_at_end(end)
    builder.ret_void()
    return task


def _start(builder, task, workers, data):
    """With one worker the parts are done one after another, right here"""
    first = cgutils.alloca_once(builder, _BYTES, zfill=True)
    count, step = (cgutils.alloca_once(builder, INDEX) for _ in range(2))
    builder.store(workers, count)
    builder.store(INDEX(1), step)
    data = builder.bitcast(data, _BYTES)
    alone = builder.icmp_signed("<=", workers, INDEX(1))
    with builder.if_else(alone) as (here, together):
        with here:
            builder.call(task, [first, count, step, data])
        with together:
            share = cgutils.get_or_insert_function(
                builder.module, _PARALLEL_FOR, "numba_parallel_for"
            )
            pointers = [builder.bitcast(p, _BYTES) for p in (task, first, count, step)]
            builder.call(share, [*pointers, data, INDEX(0), INDEX(1), workers])
