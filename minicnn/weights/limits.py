"""What a file of weights must not do: hold more than arrays, or grow far beyond its size."""

WAY_OUT = (
    "In the program that made the file write torch.save(model.state_dict(), ...) "
    "and take the new file"
)
# Compression and tensors that repeat one number make arrays larger than the file; both are rare.
_GROWTH, _FREE = 16, 2**26


def room(length: int) -> int:
    """How many bytes of memory the content of a file of ``length`` bytes may take."""
    return _GROWTH * length + _FREE


def check_room(total: int, length: int) -> None:
    """Raise ValueError if a file of ``length`` bytes says that it holds ``total`` bytes."""
    if total > room(length):
        raise ValueError(f"a file of {length} bytes cannot hold arrays of {total} bytes")
