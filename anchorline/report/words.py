"""Numbers as people read them, the same in every form. Pure."""

from __future__ import annotations


def plural(number: int, noun: str, several: str = "") -> str:
    """``1 host``, ``5,000 hosts``."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def size(kib: int) -> str:
    """KiB as ``12 GiB``."""
    value, unit = float(kib), "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "KiB" else f"{value:.1f} {unit}"
