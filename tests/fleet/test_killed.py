"""The control process is killed during a first deploy: the next run completes, with the same CA key."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.fleet.conftest import Site
from tests.of_the_day import rounds

pytestmark = pytest.mark.fleet


def kill_after(site: Site, seconds: float) -> bool:
    """Start a deploy and kill it with SIGKILL; whether it was still running then."""
    process = site.lab.popen(
        site.command("-y", "inventory", "deploy.py"),
        cwd=site.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def completes(site: Site, seconds: float) -> bool:
    running = kill_after(site, seconds)
    key = site.pki / "ca-key.pem"
    before = key.read_bytes() if key.exists() else None
    site.deploy().ok()
    assert before in (None, key.read_bytes())
    assert not site.deploy().ok().changed
    return running


@pytest.mark.drill
@pytest.mark.timeout(1200)
def test_killed_at_25_points(site: Site) -> None:
    """Spread over the whole of a first deploy, as long as it takes here."""
    lengths = []
    points = rounds(25)
    for _ in rounds(3):
        began = time.monotonic()
        assert site.run_anew("-y", "inventory", "deploy.py").returncode == 0
        lengths.append(time.monotonic() - began)
        site.lab.renew(site.hosts)
        subprocess.run(["rm", "-rf", site.folder / "pki"], check=True)
    length = min(lengths)
    caught = 0
    for number in points:
        site.lab.renew(site.hosts)
        subprocess.run(["rm", "-rf", site.folder / "pki"], check=True)
        seconds = 0.5 + (length - 0.5) * number / 25
        running = completes(site, seconds)
        caught += running
        length = length if running else seconds  # a deploy has become shorter: the machine has less to do than before
    assert 5 * caught >= 4 * len(points), f"only {caught} of {len(points)} kills met a running deploy"
