"""Files from a browser: whole and under their own name, or refused; nothing that a page says of them is believed."""

from __future__ import annotations

import pytest

from widgets.lot_files.upload import MOST_WAITING, PIECE_BYTES, Upload


@pytest.fixture
def upload(monkeypatch):
    made = Upload(most_bytes=1000)
    made.came, made.refused, made.answers = [], [], []
    made.on_file(lambda path: made.came.append((path, path.read_bytes())))
    made.on_refused(lambda name, error: made.refused.append((name, error.rule)))
    monkeypatch.setattr(made, "send", made.answers.append)
    yield made
    made.close()


def begin(upload, name="a.csv", size=4):
    upload._told(upload, {"kind": "begin", "name": name, "size": size}, [])


def piece(upload, at, content):
    upload._told(upload, {"kind": "piece", "at": at}, [memoryview(content)])


def test_a_file_comes_in_pieces_each_asked_for(upload):
    begin(upload, size=6)
    piece(upload, 0, b"abcd")
    piece(upload, 4, b"ef")
    ((path, content),) = upload.came
    assert (path.name, content) == ("a.csv", b"abcdef")
    assert upload.answers == [{"kind": "more", "at": 0}, {"kind": "more", "at": 4}, {"kind": "next"}]
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0  # its owner's alone


def test_an_empty_file_is_a_file(upload):
    begin(upload, size=0)
    assert [content for _, content in upload.came] == [b""]


def test_two_files_of_one_name_do_not_meet(upload):
    for content in (b"1111", b"2222"):
        begin(upload)
        piece(upload, 0, content)
    assert [content for _, content in upload.came] == [b"1111", b"2222"]
    assert len({path for path, _ in upload.came}) == 2


@pytest.mark.parametrize("name", ["../a.csv", "/etc/passwd", "b/a.csv", "b\\a.csv", "", ".", "..", ".hidden", "a\0.csv",
                                  "a\n.csv", "\ud800.csv", "長" * 67 + ".csv", "x" * 5000])  # fmt: skip
def test_a_name_that_is_a_path_or_no_name_is_refused(upload, name):
    begin(upload, name)
    assert [rule for _, rule in upload.refused] == ["importing.name"]
    assert upload.answers == [{"kind": "next"}]  # the others go on
    assert list(upload.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "rule"),
    [(1001, "importing.too_large"), (-1, "importing.cut"), ("4", "importing.cut"), (4.0, "importing.cut"),
     (None, "importing.cut"), (True, "importing.cut")],
)  # fmt: skip
def test_a_size_beyond_the_bound_or_none_at_all_is_refused(upload, size, rule):
    begin(upload, size=size)
    assert upload.refused == [("a.csv", rule)]
    assert list(upload.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("at", "content"),
    [(0, b""), (1, b"abc"), (0, b"abcde"), ("0", b"ab"), (None, b"ab"), (0, b"x" * (PIECE_BYTES + 1))],
    ids=["nothing", "not the next", "more than was said", "no number", "no place", "larger than a piece"],
)
def test_a_piece_that_does_not_fit_ends_the_file(upload, at, content):
    begin(upload)
    piece(upload, at, content)
    assert upload.refused == [("a.csv", "importing.cut")]
    assert (upload.came, list(upload.folder.iterdir())) == ([], [])


def test_what_was_not_asked_for_changes_nothing(upload):
    for content in (None, "begin", [], {"kind": "more"}, {"kind": "piece", "at": 0}, {}):
        upload._told(upload, content, [memoryview(b"ab")])
    assert (upload.came, upload.refused, upload.answers) == ([], [], [])


def test_a_page_loaded_anew_begins_anew(upload):
    begin(upload)
    piece(upload, 0, b"ab")
    begin(upload, "b.csv")
    piece(upload, 0, b"wxyz")
    assert [path.name for path, _ in upload.came] == ["b.csv"]
    assert len(list(upload.folder.iterdir())) == 1


def test_no_more_files_wait_than_are_allowed(upload):
    for _ in range(MOST_WAITING):
        begin(upload, size=0)
    begin(upload, size=0)
    assert upload.refused == [("a.csv", "importing.too_many")]
    upload.remove(upload.came[0][0])
    begin(upload, size=0)
    assert len(upload.came) == MOST_WAITING + 1


def test_a_full_disk_is_told(upload, monkeypatch):
    monkeypatch.setattr("widgets.lot_files.upload.SPARE_BYTES", 1 << 62)
    begin(upload)
    assert upload.refused == [("a.csv", "importing.no_room")]


def test_files_go_when_they_are_removed_and_when_the_page_goes(upload, tmp_path):
    begin(upload, size=0)
    other = tmp_path / "0" / "mine.csv"
    other.parent.mkdir()
    other.write_bytes(b"")
    upload.remove(other)  # not one of its own
    assert other.exists()
    upload.remove(upload.came[0][0])
    assert list(upload.folder.iterdir()) == []
    begin(upload, size=9)
    folder = upload.folder
    upload.close()
    assert not folder.exists()
