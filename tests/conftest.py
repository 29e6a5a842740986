"""Settings for all tests."""

import os

# Several test processes share the cores, and BLAS threads that wait for each other are many times
# slower than none. Set before NumPy is imported; the user's own choice stands.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
