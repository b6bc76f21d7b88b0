"""A small MSP whose months are pushed."""

from __future__ import annotations

from cw_pipeline_tests.setup.conftest import msp

__all__ = ["msp"]  # a fixture, for every module here
