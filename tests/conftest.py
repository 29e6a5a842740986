"""Settings for all tests, and what root must give up for some."""

import ctypes
import os
import socket
import sys
from collections.abc import Iterator

import pytest

# Several test processes share the cores, and BLAS threads that wait for each other are many times
# slower than none. Set before NumPy is imported; the user's own choice stands.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import minicnn


def pytest_configure() -> None:
    """Parallel workers share the cores: threads that wait for a core cost twice the time."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        minicnn.set_num_threads(max(1, minicnn.get_num_threads() // workers))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests keep their names from process to process; parallel workers compare them."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: the name holds an address; give ids=")


@pytest.fixture
def nobody() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def no_rights() -> Iterator[None]:
    """Let files without rights be closed to root as well, for the length of a test."""
    if not hasattr(os, "geteuid"):
        pytest.skip("rights of files are a matter of Unix")
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may read everything here")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the structure; this thread
    rights = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the upper halves
    assert libc.capget(header, rights) == 0
    whole = rights[0]
    rights[0] = whole & ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0] = whole
        assert libc.capset(header, rights) == 0
