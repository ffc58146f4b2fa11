"""The report as JSON, for programs: all that it holds, and what follows from it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from pathlib import PurePath
from typing import Any

from anchorline.report.model import Condition, HostReport, Report

VERSION = 2
"""Of this form. Keys may come to it; one that changes or goes raises it."""

_OTHERWISE = {"version", "kind", "hosts"}
"""Fields of a report that stand under another key, in another place, or with more than they have."""


def data(report: Report) -> str:
    """The report as a JSON object, in ASCII: what is no UTF-8 in a host's name is kept as an escape."""
    return json.dumps(as_data(report), indent=1, allow_nan=False) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain values: words for what is one of a few, times in ISO 8601, None for what isn't known.

    Every field of a report's classes is a key. ``version`` is the form's, ``anchorline`` the program's. Besides stand
    ``exit_code``; ``counts`` of all conditions; ``causes``, each with its hosts and its next step as it is typed for
    them; and the ``health`` of each host.
    """
    counts = report.counts
    return {
        "version": VERSION,
        "kind": str(report.kind),
        **{name: _plain(getattr(report, name)) for name in _names(Report) if name not in _OTHERWISE},
        "anchorline": report.version,
        "exit_code": report.exit_code,
        "counts": {str(each): counts.get(each, 0) for each in Condition},
        "causes": [_plain(each) | {"fix": each.fix} for each in report.causes],
        "hosts": [*map(_host, report.hosts)],
    }


def _host(host: HostReport) -> dict[str, Any]:
    return {**_plain(host), "health": str(host.condition.health)}


def _plain(value: Any) -> Any:
    match value:
        case str():  # an enum's word, too
            return str(value)
        case None | int():
            return value
        case float():
            # JSON has no infinity, and a clock that says so wasn't understood
            return value if math.isfinite(value) else None
        case tuple():
            return [_plain(each) for each in value]
        case datetime():
            return value.isoformat()
        case PurePath():
            return str(value)
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
    return {name: _plain(getattr(value, name)) for name in _names(value.__class__)}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
