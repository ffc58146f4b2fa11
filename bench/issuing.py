"""What issuing costs: 10,000 certificates in memory and on the disk, one by one, and a plan on all of them unchanged.

    .venv/bin/python bench/issuing.py [--certificates 10000]

Prints each with its bound. Ends with 1 where a bound is broken.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from anchorline.authority import stage  # noqa: E402 (the checkout has to be on the path)
from anchorline.spec.model import Spec  # noqa: E402

MEMORY, DURABLE = 5000.0, 500.0
"""Certificates a second: in memory, with key and request; on the disk, each of their files synced."""


def declare(folder: Path, number: int) -> Spec:
    """A site with this many certificates."""
    requests = {f"host{n}": {"hosts": [f"host{n}.example.com"]} for n in range(number)}
    usages = {"default": {"usages": ["signing", "server auth"]}}
    given = {"version": 1, "site": "bench", "authority": {"CN": "CA"}, "signing": usages, "certificates": requests}
    return Spec.model_validate(given).model_copy(update={"folder": folder})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=10_000)
    number = parser.parse_args().certificates
    broken = False

    def tell(what: str, seconds: float, count: int, bound: float = 0) -> None:
        nonlocal broken
        rate = count / seconds
        broken |= rate < bound
        limit = f" (bound {bound:.0f})" if bound else ""
        sys.stdout.write(f"{what:<44} {rate:8.0f} a second{limit}, {seconds:.2f} s\n")

    with tempfile.TemporaryDirectory() as folder:
        spec = declare(Path(folder), number)
        began = time.perf_counter()
        staged = stage(spec)
        tell("made in memory, with key and request", time.perf_counter() - began, number, MEMORY)
        began = time.perf_counter()
        staged.commit()
        tell("written and synced, in one commit", time.perf_counter() - began, number, DURABLE)
        began = time.perf_counter()
        broken |= bool(stage(spec).changes)
        seconds = time.perf_counter() - began
        sys.stdout.write(f"{'the plan, nothing to do':<44} {seconds:8.2f} s, {seconds / number * 1e6:.0f} us each\n")
    with tempfile.TemporaryDirectory() as folder:
        spec, count = declare(Path(folder), 1), 100
        stage(spec).commit()
        began = time.perf_counter()
        for _ in range(count):
            stage(spec, only=["host0"], asked={"host0": True}).commit()
        tell("each in a commit of its own", time.perf_counter() - began, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{'memory at the peak':<44} {peak:8.0f} MB\n")
    sys.exit(broken)


if __name__ == "__main__":
    main()
