"""Whether kernels may round more than necessary where that makes them faster.

    "exact"   each sum is what its formula says, rounded as any sum in this dtype: the default
    "fast"    kernels may use other formulas for the same sum, which round some ten times more

Today one kernel has such a formula: 3x3 convolution in float32 (docs/winograd.md).
"""

from contextvars import ContextVar, Token
from types import TracebackType

_WORDS = ("exact", "fast")
_precision: ContextVar[str] = ContextVar("precision", default="exact")


def get_precision() -> str:
    """`"exact"` or `"fast"`."""
    return _precision.get()


class set_precision:
    """Let kernels round more than necessary, for good or for a `with` block, or forbid it again.

    >>> set_precision("fast")              # from here on
    >>> with set_precision("exact"): ...   # inside the block only

    The choice belongs to the current thread (or asyncio task). Raises ValueError for another word.
    """

    def __init__(self, word: str) -> None:
        if word not in _WORDS:
            raise ValueError(f'set_precision: the word must be "exact" or "fast", got {word!r}')
        self._token: Token[str] = _precision.set(word)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        _precision.reset(self._token)
