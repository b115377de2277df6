"""What the page that brings in lots says of a file: what it is, what will be taken, what was taken and left, and why it
was refused. HTML; whatever comes from a file is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import urlencode

from workbench.errors import WorkbenchError
from workbench.formats.lot_data import LotData
from workbench.i18n import language, t
from workbench.store.lot_import import Imported

MOST_SENTENCES = 12
FIGURES = ("carriers", "units", "readings", "tests", "bins", "defects", "edges")


def words(key: str, **values: object) -> str:
    return t(key, language(), **values)


def tell(key: str, **values: object) -> str:
    """A sentence that a screen reader reads out when it changes."""
    return f'<div class="wb"><p class="wb-note" role="status">{escape(words(key, **values))}</p></div>'


def say(key: str, **values: object) -> str:
    """What to conclude of a file; read out when it changes."""
    return f'<p class="wb-say" role="status">{escape(words(key, **values))}</p>'


def note(key: str, **values: object) -> str:
    return f'<p class="wb-note">{escape(words(key, **values))}</p>'


def block(*parts: str) -> str:
    return f'<div class="wb">{"".join(parts)}</div>'


def head(name: str, size_b: int | None, kind: str | None, state: str) -> str:
    """The file with its size, format and how far it is."""
    told = [words(f"importing.format.{kind}")] if kind else []
    told += [written(size_b)] if size_b is not None else []
    chip = f'<span class="wb-chip {state}">{escape(words(f"importing.state.{state}"))}</span>'
    beside = f'<span class="wb-note">{escape(" · ".join(told))}</span>'
    return block(f'<div class="wb-i-name" role="heading" aria-level="3">{escape(name)}{chip}{beside}</div>')


def written(size_b: int) -> str:
    """A size as people write it."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_b >= step:
            return f"{size_b / step:.3g} {unit}"
    return f"{size_b} B"


def counts_of(data: LotData) -> dict[str, int]:
    """How much a file holds, by the names of `FIGURES`."""
    units = 0 if data.parts is None else len(data.parts[["carrier", "position"]].drop_duplicates())
    rows = {name: 0 if frame is None else len(frame) for name, frame in
            (("readings", data.readings), ("defects", data.defects), ("edges", data.transfers))}  # fmt: skip
    return {"carriers": len(data.carriers), "units": units, "tests": len(data.tests), "bins": len(data.bins), **rows}


def figures(counts: Mapping[str, int]) -> str:
    cells = "".join(f"<div><dt>{escape(words('importing.figure.' + name))}</dt><dd>{counts[name]:,}</dd></div>"
                    for name in FIGURES if counts.get(name))  # fmt: skip
    return f'<dl class="wb-figures">{cells}</dl>' if cells else ""


def sentences(taken: Iterable[Mapping[str, str]], left: Iterable[Mapping[str, str]],
              assumed: Iterable[Mapping[str, str]] = ()) -> str:  # fmt: skip
    """What was taken, left and assumed, a sentence each; the first are seen, the others are one click away."""
    found = [f"<li>{escape(words('importing.' + kind, sentence=sentence[language()]))}</li>"
             for kind, group in (("taken", taken), ("left", left), ("assumed", assumed))
             for sentence in group]  # fmt: skip
    more = found[MOST_SENTENCES:]
    rest = (f'<details class="wb-details"><summary>{escape(words("importing.more", count=len(more)))}</summary>'
            f'<ul class="wb-reasons">{"".join(more)}</ul></details>') if more else ""  # fmt: skip
    return f'<ul class="wb-reasons">{"".join(found[:MOST_SENTENCES])}</ul>{rest}' if found else ""


def result(done: Imported, digest: str) -> str:
    """What came of an import: added or there already, counts, sentences, hash, and the way to the lot's review."""
    key = "importing.say.added" if done.added else "importing.say.there"
    where = "lot_review.ipynb?" + urlencode({"lot_id": done.lot_id, "lang": language()})
    link = f'<p class="wb-i-done"><a href="{escape(where)}" target="_blank">' \
           f"{escape(words('importing.review', lot=done.lot_id))}</a></p>"  # fmt: skip
    return block(
        say(key, lot=done.lot_id, name=done.file_name), figures(done.counts),
        sentences(done.taken, done.left),
        f'<p class="wb-note">SHA-256 <span class="wb-i-hash">{digest}</span></p>', link,
    )  # fmt: skip


def refusal(fault: Exception, *, folder: str = "") -> str:
    """Why a file was refused: what, where, got, allowed and the next step. `folder` is where the file lay for the time
    being, and nobody's business.
    """
    if not isinstance(fault, WorkbenchError):
        said = words("live.fault", kind=type(fault).__name__)
        return block(f'<div class="wb-error" role="alert">{escape(said)}</div>')
    facts = [(name, getattr(fault, name).replace(f"{folder}/", "") if folder else getattr(fault, name))
             for name in ("where", "got", "allowed")]  # fmt: skip
    rows = "".join(f"<dt>{escape(words('label.' + name))}</dt><dd>{escape(said)}</dd>"
                   for name, said in (*facts, ("fix", fault.fix(language()))) if said)  # fmt: skip
    return block(f'<div class="wb-error" role="alert" data-rule="{escape(fault.rule)}"><strong>'
                 f"{escape(fault.what(language()))}</strong><dl>{rows}</dl></div>")  # fmt: skip


def progress(share: float, key: str) -> str:
    """How far the work on a file is."""
    said = escape(words(key))
    value = f' value="{share:.3f}"' if share > 0 else ""
    bar = f'<progress max="1"{value} aria-label="{said}"></progress>'
    return block(f'<p class="wb-note" role="status">{bar} {said}</p>')
