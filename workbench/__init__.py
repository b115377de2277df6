"""Chiplet Workbench: design, manufacture and verify multi-chip modules in one place."""

__version__ = "0.1.0"
