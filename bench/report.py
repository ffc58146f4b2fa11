"""What each form of a report costs: time and memory for a large fleet, and for one twice as large.

    .venv/bin/python bench/report.py [--hosts 5000] [FORM ...]

Prints milliseconds of CPU (the best of seven), MB at the peak (those of the text among them), the text's size, and how
many times as much two times the hosts cost. Ends with 1 where a form isn't linear, or is too large.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from anchorline.report.forms import FORMS
from anchorline.report.markdown import LARGEST
from anchorline.report.model import Report
from tests.unit.reports import many

LINEAR = 2.5
"""How many times as much two times the hosts may cost."""
LARGE = {"markdown": LARGEST, "html": 2_000_000}
"""Characters of a form, however many hosts there are."""
ROUNDS = 7


@dataclass(frozen=True)
class Cost:
    """One form of one fleet: CPU seconds, MB at the peak, characters."""

    cpu: float
    memory: float
    size: int


def measure(form: str, reports: Sequence[Report]) -> list[Cost]:
    """Make a form of each report a few times, in turn, so that a machine that is busy for a while is so for all of
    them; and once more under the eyes of tracemalloc, which slows it."""
    took: list[list[float]] = [[] for _ in reports]
    for _ in range(ROUNDS):
        for report, times in zip(reports, took, strict=True):
            gc.collect()  # what the round before left is none of this one's cost
            began = time.process_time()
            FORMS[form](report)
            times.append(time.process_time() - began)
    costs = []
    for report, times in zip(reports, took, strict=True):
        tracemalloc.start()
        size = len(FORMS[form](report))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        costs.append(Cost(min(times), peak / 1e6, size))
    return costs


def main() -> int:
    """Measure, print, and tell whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=5000, help="the smaller of the two fleets (default: 5000)")
    parser.add_argument("forms", nargs="*", metavar="FORM", help=f"of {', '.join(FORMS)} (default: all)")
    arguments = parser.parse_args()
    reports = [many(arguments.hosts), many(2 * arguments.hosts)]
    broken = []
    print(f"{'form':12}{'ms':>8}{'MB':>8}{'KB':>8}   for {arguments.hosts} hosts; times for twice as many: CPU, memory")  # noqa: T201
    for form in arguments.forms or FORMS:
        small, large = measure(form, reports)
        cpu, memory = large.cpu / small.cpu, large.memory / small.memory
        print(  # noqa: T201
            f"{form:12}{small.cpu * 1000:8.0f}{small.memory:8.1f}{small.size / 1000:8.0f}   {cpu:.2f}, {memory:.2f}"
        )
        broken += [f"{form}: not linear: {cpu:.2f} times the CPU, bound {LINEAR}"] if cpu > LINEAR else []
        broken += [f"{form}: not linear: {memory:.2f} times the memory, bound {LINEAR}"] if memory > LINEAR else []
        bound = LARGE.get(form, sys.maxsize)
        broken += [f"{form}: {small.size} characters, bound {bound}"] if small.size > bound else []
    print(*broken, sep="\n", end="\n" if broken else "", file=sys.stderr)  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
