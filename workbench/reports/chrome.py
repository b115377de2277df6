"""What every page of the site has around its content: templates, both languages, the policy that lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from workbench.i18n import LANGUAGES, catalogue, language, t
from workbench.reports.look import VERDICT_SHAPES, tokens_css
from workbench.units import UNITS

Words = str | dict[str, str]


def both(words: Words, **values: Any) -> Markup:
    """`words` (a catalogue key, `{language: text}`, or plain text) in every language; the page shows one."""
    said = in_all_languages(words, **values)
    if len(set(said.values())) == 1:
        return escape(next(iter(said.values())))
    return Markup("").join(Markup('<span lang="{}">{}</span>').format(lang, text) for lang, text in said.items())


def in_all_languages(words: Words, **values: Any) -> dict[str, str]:
    """One text per language, from a catalogue key, a mapping that may lack one, or plain text."""
    if isinstance(words, dict):
        spoken = {lang: str(text) for lang, text in words.items() if lang in LANGUAGES and text}
        fallback = next(iter(spoken.values()), "")
        return {lang: spoken.get(lang, fallback) for lang in LANGUAGES}
    if words in catalogue():
        return {lang: t(words, lang, **values) for lang in LANGUAGES}
    return dict.fromkeys(LANGUAGES, str(words))


def verdict_chip(verdict: str, *, filled: bool = False) -> Markup:
    """Colour, word and shape of a verdict or of a run that failed."""
    known = verdict if verdict in VERDICT_SHAPES else "NONE"
    icon = Markup('<svg viewBox="0 0 16 16" aria-hidden="true"><path fill-rule="evenodd" d="{}"/></svg>')
    return Markup('<span class="wb-verdict {}{}">{}{}</span>').format(
        known, " filled" if filled else "", icon.format(VERDICT_SHAPES[known]), both(f"verdict.{known}")
    )


def chip(kind: str) -> Markup:
    return Markup('<span class="wb-chip {}">{}</span>').format(kind, both(f"chip.{kind}"))


def moment(value: Any) -> datetime | None:
    """A time of a record, with its zone; a time without one is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def clock(value: Any) -> str:
    """A time for people, in this machine's zone and saying so: ``2026-03-01 02:14:09 UTC+08:00``."""
    when = moment(value)
    if when is None:
        return "–"
    when = when.astimezone()
    offset = when.strftime("%z")
    zone = f"UTC{offset[:3]}:{offset[3:5]}" if offset.strip("+-0") else "UTC"
    return f"{when:%Y-%m-%d %H:%M:%S} {zone}"


def unit_symbol(unit: str) -> str:
    """The unit as shown; a suffix of the table becomes its symbol."""
    return UNITS[unit].symbol if unit in UNITS else unit


def duration(seconds: Any) -> str:
    """A duration with no more digits than matter."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "–"
    if seconds < 100:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@cache
def asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text("utf-8")


@cache
def style(*names: str) -> Markup:
    """The style sheet of a page: tokens, then `names`; comments and indentation left out."""
    css = tokens_css() + "".join(asset(name) for name in names)
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    return Markup(re.sub(r"\s*\n\s*", "\n", css).strip())


@cache
def script(*names: str) -> Markup:
    return Markup("\n".join(asset(name) for name in names).strip())


@cache
def policy(script_text: str) -> str:
    """Content-Security-Policy: nothing is fetched, and no script runs but the one with this exact text."""
    digest = base64.b64encode(hashlib.sha256(script_text.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if script_text else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"both": both, "chip": chip, "verdict_chip": verdict_chip, "clock": clock, "t": t}
    made.globals |= {"languages": LANGUAGES, "duration": duration, "unit_symbol": unit_symbol}
    return made


def page(template: str, *, css: tuple[str, ...], js: tuple[str, ...] = (), **values: Any) -> str:
    """One whole page; `css` and `js` name assets that are placed inside it."""
    code = script(*js)
    return (
        _environment()
        .get_template(template)
        .render(style=style(*css), script=code, policy=policy(str(code)), shown_language=language(), **values)
    )
