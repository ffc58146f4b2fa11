"""Numbers and facts as people read them, the same in every form. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from anchorline.report.model import RegistryReport

UNSHARP = 2
"""Seconds within which two clocks can't be told apart by a probe."""
_MINUS = "\N{MINUS SIGN}"


def plural(number: int, noun: str, several: str = "") -> str:
    """``1 host``, ``5,000 hosts``."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def remaining(days: int) -> str:
    """Whole days that are left, negative when over: ``1 day left``, ``ends within a day``, ``ended 3 days ago``."""
    if days > 0:
        return f"{plural(days, 'day')} left"
    if days == 0:
        return "ends within a day"
    return f"ended {plural(-days - 1, 'day')} ago" if days < -1 else "ended less than a day ago"


def size(kib: int) -> str:
    """KiB as ``12 GiB``."""
    value, unit = float(kib), "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "KiB" else f"{value:.1f} {unit}"


def seconds(offset: float) -> str:
    """A clock's offset: ``+3 s``, ``+3 min``, ``+2 h``; behind with a minus sign. A host is asked for whole seconds,
    and its answer takes its time: what is less than that is none."""
    if abs(offset) < UNSHARP:
        return "0 s"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(offset) >= 2 * length:
            return f"{offset / length:+.0f} {unit}".replace("-", _MINUS)
    return f"{offset:+.0f} s".replace("-", _MINUS)


def holdings(stores: Mapping[str, Sequence[str]]) -> list[str]:
    """Trust stores with the generations that they hold, those that hold the same together:
    ``system, docker: present``."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for store, held in stores.items():
        alike.setdefault(tuple(held), []).append(store)
    return [f"{', '.join(names)}: {' and '.join(held) or 'no CA of ours'}" for held, names in alike.items()]


def facts(registry: RegistryReport, literal: Callable[[str], str]) -> list[str]:
    """What is known of a registry beside whether it serves. ``literal``: how the form writes others' words."""
    told = [f"version {literal(registry.version)}"] if registry.version else []
    told += [f"image {literal(registry.image)}"] if registry.image else []
    for number, one, many in ((registry.repositories, "repository", "repositories"), (registry.tags, "tag", "tags")):
        told += [plural(number, one, many)] if number is not None else []
    told += [f"images take {size(registry.used)}"] if registry.used is not None else []
    return told + ([f"{size(registry.free)} free"] if registry.free is not None else [])
