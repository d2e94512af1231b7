"""Peers in Python, which tests run in processes of their own."""

import importlib.util

import pytest


def need(module: str, package: str) -> None:
    """Skip where ``package`` is not installed.

    ``module`` is not imported: anthunder's would give every later test the event loop that it
    likes.
    """
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{package} is not installed")
