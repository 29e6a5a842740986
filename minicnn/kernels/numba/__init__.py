"""Faster kernels for the CPU, compiled by Numba. Same names and signatures as `reference`."""

__all__: list[str] = []
