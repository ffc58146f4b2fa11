"""Writes tests/data/answers/HOST.txt: what each host of the lab answers to the probe of `anchorline status`, on a site
that has been deployed. By hand, where the lab can run: ``python -m tests.record_answers``."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from anchorline.fleet.fleet import Fleet
from anchorline.fleet.ssh import PATIENCE
from anchorline.fleet.wire import join, split
from anchorline.report.deploy import PROBES
from lab import Lab
from tests.answers import ANSWERS, RECORDED, fleet_of
from tests.fleet.conftest import HOSTS, Site


def answer(fleet: Fleet, name: str, lab: Lab) -> str:
    """One host's whole answer. Raises ValueError where it isn't whole."""
    asked = {probe.name: probe.ask(fleet, fleet.hosts[name]) for probe in PROBES}
    script, data = join({each: question for each, question in asked.items() if question}, RECORDED, PATIENCE)
    said = lab.exec(name, script, data).stdout
    split(said.splitlines(), RECORDED)
    return said


def main() -> int:
    lab = Lab.current()
    lab.up()
    lab.renew(HOSTS)
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), lab)
        site.deploy().ok()
        fleet = fleet_of(site.folder / "anchorline.yml", HOSTS)
        for name in HOSTS:
            (ANSWERS / f"{name}.txt").write_text(answer(fleet, name, lab))
    sys.stdout.write(f"{len(HOSTS)} answers in {ANSWERS}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
