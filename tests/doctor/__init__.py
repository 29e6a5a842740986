"""Tests of the gradient doctor."""
