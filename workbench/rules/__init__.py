"""Design rules: decks by version, and the checks that compare a design with them."""

from workbench.rules.case import DieShift, Requirements
from workbench.rules.checking import CHECKS, check
from workbench.rules.deck import Deck, Rule, decks, read_deck, seed_deck
from workbench.rules.findings import CheckReport, Finding, Marker, Ran, markers

__all__ = [
    "CHECKS", "CheckReport", "Deck", "DieShift", "Finding", "Marker", "Ran", "Requirements", "Rule", "check", "decks",
    "markers", "read_deck", "seed_deck",
]  # fmt: skip
