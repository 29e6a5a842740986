"""Values out of pickled bytes, without Python's pickle: nothing in the bytes can run.

Pickled data are a small program for a stack machine: push a number, make a list of what lies on
the stack, look up a name, call it. This machine has those instructions only that the data of a
checkpoint need, and "look up a name" looks into a table of ours. So there is nothing to call that
is not written here or in such a table.

Source: the opcodes as documented in CPython's Lib/pickletools.py, protocols 2 to 5.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NoReturn

# Bounds time and memory whatever the bytes are. Both are the most that memory can take: few values
# need 256 bytes, and a byte may become a character of four.
_VALUE = 256
_BYTE = 4
_LINE = 1000


class Refused(ValueError):
    """Whole data that hold what they must not hold. The message is fit for users."""


class Handler:
    """A name that pickled data may call, and the function of ours that stands in for it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


class Buildable:
    """A value that pickled data complete in a second step, `build(state)`."""

    def build(self, state: Any) -> None:
        raise NotImplementedError


class Beside(Buildable):
    """Stands for a value beside the tensors, of which nothing but its kind is wanted."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, state: Any) -> None:
        pass


def unpickle(
    stream: BinaryIO,
    room: int,
    look_up: Callable[[str, str], Any],
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read one pickled value; ``stream`` then stands behind it.

    ``room`` is how many bytes of memory it may take; ``look_up(module, name)`` gives what a name
    stands for or raises; ``persistent(id)`` gives the value of a persistent id.

    Raises Refused for data that only code could make sense of, ValueError for damaged data.
    """
    machine = _Machine(stream, room, look_up, persistent)
    try:
        while (code := stream.read(1)) != b".":
            machine.spend(_VALUE)
            if code not in _ACTIONS:
                _refuse_opcode(machine, code)
            _ACTIONS[code](machine)
        return machine.pop()
    except (LookupError, TypeError, AttributeError, ArithmeticError, MemoryError) as error:
        raise ValueError(f"the pickled data are damaged: {type(error).__name__}") from error


class _Machine:
    def __init__(self, stream: BinaryIO, room: int, look_up: Any, persistent: Any) -> None:
        self.stream, self.look_up, self.persistent = stream, look_up, persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # one stack for each mark
        self.memo: dict[int, Any] = {}
        self.whole = self.room = room
        self.push = self.stack.append

    def spend(self, amount: int) -> None:
        self.room -= amount
        if self.room < 0:
            raise Refused(
                f"pickled data of a file of this size must fit into {self.whole >> 20} MiB of "
                "memory, got more. Get the file from a source that you trust"
            )

    def read(self, count: int) -> bytes:
        if count < 0:
            raise ValueError("the pickled data give a negative length")
        self.spend(_BYTE * count)
        data = self.stream.read(count)
        if len(data) < count:
            raise ValueError("the pickled data end early")
        return data

    def line(self) -> str:
        data = self.stream.readline(_LINE)
        if not data.endswith(b"\n"):
            raise ValueError("the pickled data end early or hold a line that is too long")
        return data[:-1].decode("utf-8")

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def pop(self) -> Any:
        return self.stack.pop()

    def use(self, stack: list[Any]) -> None:
        self.stack, self.push = stack, stack.append

    def mark(self) -> None:
        self.below.append(self.stack)
        self.use([])

    def pop_mark(self) -> list[Any]:
        items = self.stack
        self.use(self.below.pop())
        return items


def _tuple(m: _Machine, count: int) -> None:
    if len(m.stack) < count:
        raise ValueError("the pickled data take more values than there are")
    items = tuple(m.stack[-count:])
    del m.stack[-count:]
    m.push(items)


def kind(value: Any) -> str:
    """What a value is, with its article."""
    name = value.kind if isinstance(value, Beside) else type(value).__name__.lstrip("_")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def short(value: Any) -> str:
    """``value`` in at most 80 characters that can be printed."""
    if type(value) is not str:
        value = str(value) if type(value) is int else kind(value)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value[:81])
    return text if len(text) <= 80 else f"{text[:77]}..."


def _int(data: bytes) -> int:
    if len(data) > 255:
        raise ValueError("the pickled data hold a number that is too large")
    return int.from_bytes(data, "little", signed=True)


def _int_line(m: _Machine) -> None:
    text = m.line()
    m.push(text == "01" if text in ("00", "01") else int(text))


def _text_or_bytes(data: bytes) -> str | bytes:
    """Python 2 had one type for both; names are short."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def as_key(key: Any) -> Any:
    """``key``, or what stands for it in a dict: only a text can be the name of a tensor.

    Hashing nested tuples overruns the C stack, and huge numbers can be chosen to collide.
    """
    if key is None or type(key) in (str, bytes, bool, float):
        return key
    if type(key) is int and -(2**63) <= key < 2**64:
        return key
    return Beside(type(key).__name__)


def _set_items(m: _Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if type(target) is not dict or len(items) % 2:
        raise ValueError("the pickled data put items into what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[as_key(key)] = value


def _append(m: _Machine, items: list[Any]) -> None:
    if type(m.stack[-1]) is not list:
        raise ValueError("the pickled data append to what is no list")
    m.stack[-1].extend(items)


def _global(m: _Machine) -> None:
    module, name = m.line(), m.line()
    m.push(m.look_up(module, name))


def _stack_global(m: _Machine) -> None:
    name, module = m.pop(), m.pop()
    if type(name) is not str or type(module) is not str:
        raise ValueError("the pickled data look up a name that is no text")
    m.push(m.look_up(module, name))


def _call(m: _Machine) -> None:
    arguments, handler = m.pop(), m.pop()
    if not isinstance(handler, Handler) or type(arguments) is not tuple:
        raise ValueError("the pickled data call what cannot be called")
    for argument in arguments:  # a call may copy them, and calls are short to write
        m.spend(_size(argument))
    m.push(handler.call(*arguments))


def _build(m: _Machine) -> None:
    state = m.pop()
    target = m.stack[-1]
    if isinstance(target, Buildable):
        m.spend(_size(state))
        target.build(state)
    elif type(target) is not dict:  # an OrderedDict's attributes, `_metadata`, are not needed
        raise ValueError("the pickled data set the state of what has none")


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return _VALUE * len(value) if isinstance(value, list | tuple | dict) else 0


def _persistent(m: _Machine) -> None:
    if m.persistent is None:
        raise ValueError("the pickled data refer to a storage where there is none")
    m.push(m.persistent(m.pop()))


def _refuse_opcode(m: _Machine, code: bytes) -> NoReturn:
    from pickletools import opcodes

    if code == b"i":  # INST names what it calls, and the name is what users want to read
        module, name = m.line(), m.line()
        m.look_up(module, name)
    if not code:
        raise ValueError("the pickled data end early")
    known = [opcode.name for opcode in opcodes if opcode.code == code.decode("latin-1")]
    if not known:
        raise ValueError(f"the pickled data hold the unknown instruction {code!r}")
    raise Refused(
        f"pickled data must describe values only, got the instruction {known[0]}, which those "
        "do not need; nothing was run. Get the file from a source that you trust"
    )


def _pushes(make: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.push(make(m))


def _counted(form: str, decode: Callable[[bytes], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.push(decode(m.read(m.number(form))))


def _pushes_popped(make: Callable[[list[Any]], Any]) -> Callable[[_Machine], None]:
    def action(m: _Machine) -> None:
        items = m.pop_mark()  # first: it changes what m.push is
        m.push(make(items))

    return action


def _put(m: _Machine, index: int) -> None:
    m.memo[index] = m.stack[-1]


_ACTIONS: Mapping[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.read(1),  # PROTO: the protocol's number
    b"\x95": lambda m: m.read(8),  # FRAME: how much may be read at once
    # numbers and other constants
    b"N": _pushes(lambda m: None),
    b"\x88": _pushes(lambda m: True),
    b"\x89": _pushes(lambda m: False),
    b"K": _pushes(lambda m: m.number("<B")),  # BININT1
    b"M": _pushes(lambda m: m.number("<H")),  # BININT2
    b"J": _pushes(lambda m: m.number("<i")),  # BININT
    b"G": _pushes(lambda m: m.number(">d")),  # BINFLOAT
    b"I": _int_line,  # INT: how Python 2 wrote what needs more than 32 bits
    b"\x8a": _counted("<B", _int),  # LONG1
    b"\x8b": _counted("<i", _int),  # LONG4
    # texts and bytes
    b"U": _counted("<B", _text_or_bytes),  # SHORT_BINSTRING
    b"T": _counted("<i", bytes),  # BINSTRING, of 256 bytes or more
    b"\x8c": _counted("<B", _text),  # SHORT_BINUNICODE
    b"X": _counted("<I", _text),  # BINUNICODE
    b"\x8d": _counted("<Q", _text),  # BINUNICODE8
    b"C": _counted("<B", bytes),  # SHORT_BINBYTES
    b"B": _counted("<I", bytes),  # BINBYTES
    b"\x8e": _counted("<Q", bytes),  # BINBYTES8
    b"\x96": _counted("<Q", bytes),  # BYTEARRAY8
    # containers
    b"(": _Machine.mark,
    b")": _pushes(lambda m: ()),
    b"\x85": lambda m: _tuple(m, 1),
    b"\x86": lambda m: _tuple(m, 2),
    b"\x87": lambda m: _tuple(m, 3),
    b"t": _pushes_popped(tuple),
    b"\x91": _pushes_popped(lambda items: Beside("frozenset")),
    b"]": _pushes(lambda m: []),
    b"a": lambda m: _append(m, [m.pop()]),
    b"e": lambda m: _append(m, m.pop_mark()),
    b"}": _pushes(lambda m: {}),
    b"s": lambda m: _set_items(m, [m.pop(), m.pop()][::-1]),
    b"u": lambda m: _set_items(m, m.pop_mark()),
    b"\x8f": _pushes(lambda m: Beside("set")),
    b"\x90": _Machine.pop_mark,  # ADDITEMS
    # the stack, and the memo of values that occur again
    b"0": _Machine.pop,
    b"1": _Machine.pop_mark,
    b"q": lambda m: _put(m, m.number("<B")),
    b"r": lambda m: _put(m, m.number("<I")),
    b"\x94": lambda m: _put(m, len(m.memo)),  # MEMOIZE
    b"h": _pushes(lambda m: m.memo[m.number("<B")]),
    b"j": _pushes(lambda m: m.memo[m.number("<I")]),
    # names, calls, and what lies outside the pickled data
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _call,  # REDUCE
    b"\x81": _call,  # NEWOBJ
    b"b": _build,
    b"Q": _persistent,  # BINPERSID
}
