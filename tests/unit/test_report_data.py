from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings

from anchorline.report.data import data
from anchorline.report.model import Cause, Condition, Report
from tests.unit.any_report import REPORTS, thousands
from tests.unit.reports import EVERY, broken, good, host, many


def restored(kind: Any, value: Any) -> Any:
    """A value of a report's classes, from what JSON has of it."""
    origin, of = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        # of the kinds that a value may have, a mapping is that of a class
        [kind] = [each for each in of if each is not type(None) and is_dataclass(each) >= isinstance(value, dict)][:1]
        return None if value is None else restored(kind, value)
    if origin is tuple:
        return tuple(restored(of[0], each) for each in value)
    if origin is Mapping:
        return {key: restored(of[1], each) for key, each in value.items()}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = get_type_hints(kind)
        return kind(**{each.name: restored(hints[each.name], value[each.name]) for each in fields(kind)})
    if kind is datetime:
        return datetime.fromisoformat(value)
    if issubclass(kind, Enum):
        return kind(value)
    assert isinstance(value, kind if kind is not float else (int, float))
    return value


def report_of(text: str) -> Report:
    told = json.loads(text)
    assert told["version"] == 2
    again = restored(Report, {**told, "version": told["anchorline"]})
    assert isinstance(again, Report)
    return again


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_lost(name: str) -> None:
    assert report_of(data(EVERY[name]())) == EVERY[name]()


def test_a_report_with_something_lost_differs() -> None:
    told = json.loads(data(broken()))
    told["hosts"][0]["stores"].pop("system")
    assert report_of(json.dumps(told)) != broken()
    del told["hosts"][0]["stores"]
    with pytest.raises(KeyError):
        report_of(json.dumps(told))


@settings(thousands, max_examples=200)
@given(REPORTS)
def test_nothing_is_lost_of_any_report(report: Report) -> None:
    assert report_of(data(report)) == report


def test_what_follows_from_it_is_told() -> None:
    told = json.loads(data(broken()))
    assert [*told][:2] == ["version", "kind"]
    assert told["kind"] == "status"
    assert told["exit_code"] == broken().exit_code == 1
    assert told["counts"] == {each: broken().counts.get(each, 0) for each in Condition}
    assert tuple(restored(Cause, each) for each in told["causes"]) == broken().causes
    assert [each["health"] for each in told["hosts"]] == ["bad", "warning", "bad", "bad", "unknown"]
    assert told["time"] == "2026-11-27T01:30:00+00:00"


def test_bytes_that_are_no_text_are_kept() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    text = data(replace(good(), hosts=(host(name),)))
    assert text.isascii()
    assert json.loads(text)["hosts"][0]["name"] == name


@pytest.mark.parametrize("clock", [float("inf"), float("-inf"), float("nan")])
def test_a_clock_beyond_all_numbers_is_unknown(clock: float) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    text = data(replace(good(), hosts=(replace(host("debian"), clock=clock),)))
    assert json.loads(text, parse_constant=refuse)["hosts"][0]["clock"] is None


def test_a_large_fleet() -> None:
    assert report_of(data(many(500))) == many(500)
