"""Declared once: the parameters of a study and the summary of its outcome."""

from workbench.schema.parameters import Field, Parameters, choice, flag, quantity, text
from workbench.schema.summary import Figure, Summary, Verdict

__all__ = ["Field", "Figure", "Parameters", "Summary", "Verdict", "choice", "flag", "quantity", "text"]
