from __future__ import annotations

from anchorline.fleet.summary import Row, folded


def row(host: str, what: str = "", *, bad: bool = False) -> Row:
    return Row(host, "failed", "red", what) if bad else Row(host, "changed", "green", what, f"{host} s", noted=True)


def test_what_is_said_of_many_is_said_once() -> None:
    rows = [row("a", "note"), row("b", "other"), row("c", "note"), row("d", "note")]
    first, other = folded(rows)
    assert (first.host, first.what, first.proof) == ("a and 2 more", "note", "")
    assert other == rows[1]


def test_what_has_failed_stands_alone() -> None:
    rows = [row("a", "down", bad=True), row("b", "down", bad=True)]
    assert folded(rows) == rows
