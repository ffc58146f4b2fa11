"""Random files of others through every merge: the outcome is a text or a MergeError, and what isn't ours stays."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchorline.trust.stores import merged as stores
from anchorline.trust.stores.merging import MergeError
from tests.unit.foreign_files import FRAGMENT, NAMES, ROWS, bare, damaged, outcome, parsed, said, written

STORES = tuple(ROWS)
some = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
many = settings(some, max_examples=2000)
seeds = given(seed=st.integers(0, 1 << 64), store=st.sampled_from(STORES))


def theirs(document: dict[str, Any]) -> Any:
    """What isn't ours. A mirror that says more than our endpoint keeps it: it may have stood there before us."""
    document = bare(document)
    for name in NAMES:
        mirror = document.get("mirrors", {}).get(name) if isinstance(document.get("mirrors"), dict) else None
        if isinstance(mirror, dict) and mirror.get("endpoint") == [f"https://{name}"]:
            del mirror["endpoint"]
    return bare(document)


def there_and_back(seed: int, store: str, *, harm: bool) -> str:
    """One file, merged and taken back. Returns how that went."""
    random, row = Random(seed), ROWS[store]
    text = written(random, store)
    if harm:
        text = damaged(random, text)
    merged = outcome(lambda: row.merged(text, FRAGMENT))
    if isinstance(merged, MergeError):
        assert str(merged).startswith(row.path)
        assert "\n" not in str(merged)
        assert len(str(merged)) < 300
        # what can't be merged holds nothing of ours, and is left alone by a withdrawal or named by it
        assert outcome(lambda: row.without(text, FRAGMENT)) == text or "fix it" in str(
            outcome(lambda: row.without(text, FRAGMENT))
        )
        return "refused: " + str(merged).partition(": ")[2]
    assert row.merged(merged, FRAGMENT) == merged, "once more changes nothing"
    if merged == text:
        return "nothing to do"
    without = row.without(merged, FRAGMENT)
    assert theirs(parsed(row, without)) == theirs(parsed(row, text)), "what isn't ours stays"
    assert stores.back(said(row, merged, backup=text), "blue").restored == (row.path,), "the bytes are given back"
    flow = store in ("k3s", "rke2") and "\n{" in "\n" + text.removeprefix("\ufeff").replace("---", "").replace(" ", "")
    if not {"configs", "mirrors", "registry", "plugins", "runners"} & {*parsed(row, text)} and not flow and not harm:
        assert without == text, "what went to the end is cut off there"
    return "the same bytes" if without == text else "the same values"


@some
@seeds
def test_there_and_back(seed: int, store: str) -> None:
    there_and_back(seed, store, harm=False)


@some
@seeds
def test_damaged(seed: int, store: str) -> None:
    there_and_back(seed, store, harm=True)


@pytest.mark.drill
@many
@seeds
def test_there_and_back_often(seed: int, store: str) -> None:
    there_and_back(seed, store, harm=False)


@pytest.mark.drill
@many
@seeds
def test_damaged_often(seed: int, store: str) -> None:
    there_and_back(seed, store, harm=True)


@pytest.mark.parametrize("store", STORES)
def test_the_random_files_are_of_all_kinds(store: str) -> None:
    found = Counter(there_and_back(seed, store, harm=False).partition(":")[0] for seed in range(100))
    assert found["the same bytes"] >= 10
    assert found["refused"] >= 3
    assert found["refused"] <= 75
