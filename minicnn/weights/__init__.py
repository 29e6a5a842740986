"""Weights on disk: named arrays in `.safetensors` and `.npz` files and PyTorch's checkpoints."""

from .atomic import write_atomically
from .files import load, load_metadata, save

__all__ = ["load", "load_metadata", "save", "write_atomically"]
