"""What a fleet that needs nothing costs the control machine: a deploy, a look, a plan over thousands of @fake hosts.

    .venv/bin/python bench/scale.py [deploy | status | page | plan] [--hosts 1000] [--profile FILE]

Prints CPU and memory for N and for 2 N hosts. Ends with 1 where a bound is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests.operations.site import Site  # noqa: E402 (the checkout has to be on the path)

CPU = 12.0
"""Milliseconds for each host that nothing is changed on."""
MEMORY = 150.0
"""MB at the peak, with 1,000 hosts."""
LINEAR = 2.3
"""How many times as much two times the hosts may cost."""
PAGE = 2_000_000
"""Bytes of a page of 5,000 hosts."""

RUNS = {
    "deploy": (["-y", "inventory", "deploy.py"], "{0:,} hosts: {0:,} well"),
    "status": (["-y", "inventory", "anchorline.report.status"], "{0:,} hosts: {0:,} as declared"),
    "page": (
        ["-y", "--data", "report=page.html", "inventory", "anchorline.report.status"],
        "page.html: {0:,} hosts: {0:,} as declared",
    ),
    "plan": (["--dry", "--data", "plan=plan.md", "inventory", "deploy.py"], "plan.md: {0:,} hosts: {0:,} well"),
}
"""What can be measured: pyinfra's arguments, and what it says of so many hosts."""

INVENTORY = """
import functools
import json

import pyinfra.api.inventory

# a name with an @ costs a scan of all entry points, which hosts that are reached over SSH don't
pyinfra.api.inventory.get_all_connectors = functools.cache(pyinfra.api.inventory.get_all_connectors)

with open("answers.json") as file:
    answers = json.load(file)


def fake(name):
    data = {"fake_responses": answers["registry" if name == "registry" else "client"]}
    return (f"@fake/{name}", {**data, "fake_delay": 0, "fake_delay_jitter": 0})


registry = [fake("registry")]
clients = [fake(f"host-{number}") for number in range(1, HOSTS)]
"""


@dataclass(frozen=True)
class Cost:
    """One run: CPU seconds (user and system), seconds on the clock, MB at the peak."""

    hosts: int
    cpu: float
    wall: float
    memory: float

    @property
    def each(self) -> float:
        """CPU milliseconds for each host."""
        return self.cpu * 1000 / self.hosts

    def __str__(self) -> str:
        return (
            f"{self.hosts:6} hosts: {self.cpu:6.2f} s CPU, {self.each:5.2f} ms a host, {self.wall:6.2f} s, "
            f"{self.memory:4.0f} MB"
        )


def measure(site: Site, what: str, hosts: int, profile: Path | None) -> Cost:
    """Run over so many hosts that have all they should. Raises RuntimeError where that isn't what happened."""
    words, expected = RUNS[what]
    site.write(inventory=INVENTORY.replace("HOSTS", str(hosts)))
    (site.folder / "answers.json").write_text(json.dumps(site.answers))
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    profiled = ["-m", "cProfile", "-o", str(profile)] if profile else []
    said = site.folder / "said"
    began = time.monotonic()
    with said.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, *profiled, pyinfra, *words],
            cwd=site.folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    text = said.read_text()
    if status or expected.format(hosts) not in text or "Success" in text.partition("Results:")[0]:
        raise RuntimeError(f"this was no run that changed nothing:\n{text[-2000:]}")
    return Cost(hosts, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def main() -> int:
    """Measure, print, and tell whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=RUNS, default="deploy", help="what to measure (default: deploy)")
    parser.add_argument("--hosts", type=int, default=1000, help="the smaller of the two fleets (default: 1000)")
    parser.add_argument("--profile", type=Path, help="write a cProfile of the smaller fleet's run here, and end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site.make(Path(folder))
        site.settled("registry", "client")
        if arguments.profile:
            print(measure(site, arguments.what, arguments.hosts, arguments.profile.absolute()))  # noqa: T201
            return 0
        small, large = (measure(site, arguments.what, hosts, None) for hosts in (arguments.hosts, 2 * arguments.hosts))
        written = {each.name: each.stat().st_size for each in site.folder.glob("p*.[hm][td]*")}
    ratio = large.cpu / small.cpu
    told = [f"{name} of {large.hosts} hosts: {size:,} bytes" for name, size in written.items()]
    print(small, large, f"twice the hosts cost {ratio:.2f} times the CPU", *told, sep="\n")  # noqa: T201
    broken = [
        *([f"CPU: {small.each:.2f} ms a host, bound {CPU}"] if small.each > CPU else []),
        *([f"memory: {small.memory:.0f} MB, bound {MEMORY}"] if small.hosts <= 1000 and small.memory > MEMORY else []),
        *([f"not linear: {ratio:.2f}, bound {LINEAR}"] if ratio > LINEAR else []),
        *(f"{name}: {size:,} bytes, bound {PAGE:,}" for name, size in written.items() if size > PAGE),
    ]
    print(*broken, sep="\n", end="\n" if broken else "", file=sys.stderr)  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
