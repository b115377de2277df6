"""The page that brings in lots: what it says of every file, when it asks, and what becomes of an answer."""

from __future__ import annotations

import bz2
import gzip
import html
import re

import pytest

from tests.workbench.store.lot_files import bring as bring_data
from tests.workbench.store.lot_files import placed, wafer
from widgets.process import import_words
from widgets.process.importing import LotImport
from workbench.errors import InputError
from workbench.i18n import use_language
from workbench.store import Store

KNOWN = b"wafer,x,y,cd_nm\nW1,0,0,41.5\nW1,1,0,42.5\n"
ODD = b"wafer,x,y,zz\nW1,0,0,1.5\nW1,1,0,2.5\n"


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "workbench.duckdb")


@pytest.fixture
def screen(store):
    made = LotImport(store)
    yield made
    made.upload.close()


def send(screen, name, content):
    """A file as the browser sends it; its card."""
    screen.upload._told(None, {"kind": "begin", "name": name, "size": len(content)}, [])
    for at in range(0, len(content), 1 << 20):
        screen.upload._told(None, {"kind": "piece", "at": at}, [content[at : at + (1 << 20)]])
    return screen.cards[-1]


def said(card):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", card._head.value + card._said.value))).strip()


def answer(card, row=0, **fields):
    card.form.answers = [{**one, **(fields if i == row else {})} for i, one in enumerate(card.form.answers)]
    card.answer()


def test_a_table_whose_columns_are_known_is_ready_at_once(screen, store):
    card = send(screen, "cd.csv", KNOWN)
    assert card.state == "ready"
    assert "Will be taken" in said(card)
    assert "Units 2 Readings 2" in said(card)
    assert store.lots.list() == []
    card.lot.value, card.product.value, card.title.value = "A17", "POC", "First lot"
    screen.bring()
    assert (card.state, "Added to lot A17." in said(card)) == ("done", True)
    (lot,) = store.lots.list()
    assert (lot["lot_id"], lot["product"], lot["title"], lot["reading_count"]) == ("A17", "POC", "First lot", 2)
    (record,) = store.lots.imports("A17")
    assert record["file_sha256"] in said(card)
    assert record["file_name"] == "cd.csv"
    assert list(screen.upload.folder.iterdir()) == []  # what was sent is not kept beside the store


def test_a_file_that_is_there_adds_nothing_whatever_it_is_called(screen, store):
    for name, content in (("cd.csv", KNOWN), ("cd.csv", KNOWN), ("again.csv.gz", gzip.compress(KNOWN))):
        send(screen, name, content).lot.value = "A17"
        screen.bring()
    assert ["adds nothing" in said(card) for card in screen.cards] == [False, True, True]
    assert "from cd.csv" in said(screen.cards[2])
    assert store.lots.list()[0]["reading_count"] == 2


def test_an_answer_is_asked_for_once_and_remembered_for_packed_tables_too(screen, store):
    first, waiting = send(screen, "a.csv", ODD), send(screen, "b.csv", ODD.replace(b"W1", b"W2"))
    assert [card.state for card in (first, waiting)] == ["asking", "asking"]
    assert "zz" in said(first)
    answer(first, role="reading", parameter="Vth", unit="mV", lower="1")
    assert [card.state for card in (first, waiting)] == ["ready", "ready"]  # the same question is not put twice
    for name, content in (("c.csv.gz", gzip.compress(ODD)), ("d.txt.bz2", bz2.compress(ODD))):
        card = send(screen, name, content)
        assert (card.state, "as they were answered earlier" in said(card)) == ("ready", True)
    assert store.mappings.list()[0]["mapping"]["columns"][3] == {
        "name": "zz", "role": "reading", "parameter": "Vth", "unit": "mV", "lower": 1.0}  # fmt: skip


def test_an_answer_is_not_remembered_unless_that_is_wished(screen, store):
    card = send(screen, "a.csv", ODD)
    card.remember.value = False
    answer(card, role="reading")
    assert (card.state, store.mappings.list()) == ("ready", [])
    assert send(screen, "b.csv", ODD).state == "asking"


def test_columns_that_are_known_can_be_said_otherwise(screen, store):
    card = send(screen, "cd.csv", KNOWN)
    card.columns.value = True
    row = next(i for i, one in enumerate(card.form.rows) if one["name"] == "cd_nm")
    answer(card, row, role="ignore")
    assert (card.state, "Readings" in said(card)) == ("ready", False)


def test_an_answer_that_contradicts_itself_is_refused_and_asked_again(screen):
    card = send(screen, "a.csv", ODD)
    answer(card, role="carrier")
    assert (card.state, 'data-rule="tabular.mapping_role"' in card._said.value) == ("asking", True)
    answer(card, role="reading")
    assert card.state == "ready"


def test_a_refused_file_keeps_no_other_out(screen, store):
    bad = send(screen, "no.klarf", b"FileVersion 1 2;\nLotID A;\n")
    path = send(screen, "../up.csv", KNOWN)
    good = send(screen, "cd.csv", KNOWN)
    good.lot.value = "A17"
    screen.bring()
    assert [card.state for card in screen.cards] == ["refused", "refused", "done"]
    assert "Where no.klarf:" in said(bad)
    assert "Next step" in said(bad)
    assert str(screen.upload.folder) not in bad._said.value
    assert "importing.name" in path._said.value
    assert [row["lot_id"] for row in store.lots.list()] == ["A17"]


def test_a_table_that_is_refused_in_its_later_rows_can_be_answered_otherwise(screen):
    rows = b"".join(b"W1,%d,0,%s\n" % (i, b"4.5" if i < 2500 else b"bad") for i in range(6000))
    card = send(screen, "late.csv", b"wafer,x,y,cd_nm\n" + rows)
    assert (card.state, "tabular.not_numbers" in card._said.value) == ("asking", True)
    card.columns.value = True
    answer(card, next(i for i, one in enumerate(card.form.rows) if one["name"] == "cd_nm"), role="ignore")
    assert card.state == "ready"


def test_a_lot_must_be_named_and_is_offered_to_the_others(screen):
    first, second = send(screen, "a.csv", KNOWN), send(screen, "b.csv", KNOWN.replace(b"W1", b"W2"))
    screen.bring()
    assert "importing.no_lot" in first._said.value
    assert "Will be taken" in said(first)
    first.lot.value = " A17 "
    assert second.lot.value == "A17"
    named = send(screen, "c.csv", b"lot,wafer,x,y,cd_nm\nB2,W1,0,0,41.5\n")
    assert named.lot.value == "B2"
    first.lot.value = "A18"
    assert named.lot.value == "B2"
    assert send(screen, "d.csv", KNOWN).lot.value == "A18"


def test_a_new_lot_can_be_marked_synthetic_and_one_that_is_there_says_so(screen, store):
    card = send(screen, "a.csv", KNOWN)
    card.lot.value, card.synthetic.value = "S1", True
    assert "new lot" in card._about.value
    screen.bring()
    assert store.lots.list()[0]["synthetic"]
    later = send(screen, "b.csv", KNOWN.replace(b"W1", b"W2"))
    assert "The lot is there" in later._about.value
    assert later.title.layout.display == "none"


def test_the_lot_of_a_carrier_of_two_lots_is_asked_for(screen, store, monkeypatch):
    for lot in ("L1", "L2"):
        store.lots.import_data(lot, wafer(lot=lot), file_sha256=("0" if lot == "L1" else "1") * 64, name=f"{lot}.stdf",
                               actor="li")  # fmt: skip
    monkeypatch.setattr("widgets.process.import_card.read_lot", lambda path, mapping: placed())
    monkeypatch.setattr("workbench.cli.lot.intake.read_lot", lambda path, mapping: placed())
    card = send(screen, "map.csv", KNOWN)
    screen.bring()
    assert "lots.carrier_ambiguous" in card._said.value
    assert list(card.home.options) == ["L1", "L2"]
    card.home.value = "L2"
    screen.bring()
    assert card.state == "done"


def test_what_a_file_says_is_only_ever_text(screen):
    name = "<img src=x onerror=alert(1)>.csv"
    card = send(screen, name, b"q<b>x</b>,zz\na,1\nb,2\n")
    assert "<img" not in card._head.value
    assert "<b>x" not in card._said.value
    assert "q&lt;b&gt;x" in card._said.value


def test_a_fault_of_the_workbench_keeps_the_page_usable(screen, store, monkeypatch):
    def broken(*given, **named):
        raise RuntimeError("secret path")

    monkeypatch.setattr("widgets.process.import_card.read_lot", broken)
    card = send(screen, "a.csv", KNOWN)
    assert "RuntimeError" in said(card)
    assert "secret" not in card._said.value
    monkeypatch.undo()
    assert send(screen, "b.csv", KNOWN).state == "ready"


def test_it_speaks_chinese(store):
    with use_language("zh-Hant"):
        screen = LotImport(store)
        card = send(screen, "a.csv", ODD)
        assert "未知欄位（1）：zz" in said(card)
        assert card.lot.description == "批號"
        answer(card, role="reading", upper="x")
        assert "規格界限與目標值必須為數字" in said(card)
        answer(card, role="reading", upper="3")
        assert "匯入時將讀取" in said(card)
        screen.upload.close()


def test_sentences_beyond_the_first_are_one_click_away():
    many = [{"en": f"column {i}", "zh-Hant": f"欄 {i}"} for i in range(30)]
    shown = import_words.sentences([], many)
    assert shown.count("<li>") == 30
    assert "18 more" in shown
    assert import_words.sentences([], []) == ""


def test_a_refusal_says_what_where_allowed_and_what_next():
    error = InputError("importing.too_large", where="/tmp/x/1/a.csv", got="2", allowed="1")
    shown = import_words.refusal(error, folder="/tmp/x/1")
    assert 'role="alert"' in shown
    assert "/tmp" not in shown
    for words in ("a.csv", "more bytes", "workbench lot import"):
        assert words in shown


def test_a_report_lists_the_lots(store, capsys):
    from types import SimpleNamespace

    from IPython.utils.capture import capture_output

    from widgets.process.importing import lot_import

    bring_data(store, wafer(), "sort.stdf")
    with capture_output() as captured:
        assert lot_import(SimpleNamespace(store=store, mode="report")) is None
    shown = "".join(o.data.get("text/html", "") for o in captured.outputs)
    assert "<td>A</td>" in shown
    assert "批次" in shown
