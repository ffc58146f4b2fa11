"""``anchorline status`` on the lab: good, broken in eight ways, and while a deploy runs."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium
from tests.browser.test_page import complaints, said_of
from tests.fleet.conftest import HOSTS, Site, eventually
from tests.fleet.test_bad_hosts import counting  # noqa: F401 (a fixture)
from tests.fleet.test_doctor import OTHER
from tests.fleet.test_rotation import pki
from tests.fleet.test_withdraw import other_ca
from tests.unit.tools import conflicts, junit_schema, validated

pytestmark = pytest.mark.fleet

FORMS = ("text", "json", "junit", "prometheus", "html", "markdown")
LIE = '#!/bin/sh\n[ "$1" = +%s ] && exec /usr/bin/date -d "1 hour ago" +%s || exec /usr/bin/date "$@"\n'


def status(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in the site's folder, in the lab's network."""
    command = [site.anchorline, "status", *arguments]
    return site.lab.run(command, cwd=site.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def told(site: Site) -> dict[str, Any]:
    """What it says for programs."""
    found: dict[str, Any] = json.loads(status(site, "--format", "json").stdout)
    return found


def words_of(form: str, said: str) -> str:
    """The text of a form, without its marks and on one line."""
    if form in ("html", "markdown", "junit"):
        said = html.unescape(re.sub(r"<[^>]*>", "", said.replace("&#10;", " ")))
    if form in ("json", "prometheus"):
        said = said.replace('\\"', '"')
    return " ".join(said.split())


class Break:
    """One way in which a fleet isn't as declared, and how it is fixed."""

    def __init__(
        self, host: str, cause: str, fix: str, code: int, do: Callable[[Site], object], undo: Callable[[Site], object]
    ) -> None:
        self.host, self.cause, self.fix, self.code, self.do, self.undo = host, cause, fix, code, do, undo

    @contextmanager
    def __call__(self, site: Site) -> Iterator[None]:
        self.do(site)
        try:
            yield
        finally:
            self.undo(site)


def on(host: str, command: str, **options: Any) -> Callable[[Site], object]:
    def run(site: Site) -> None:
        done = site.lab.exec(host, command, **options)
        assert done.returncode == 0, done.stderr

    return run


def deploy(site: Site) -> None:
    site.deploy().ok()


def hold(site: Site) -> None:
    assert pki(site, "rotate").returncode == 0
    site.lab.power_off("debian12")
    try:
        site.deploy("--data", "ssh_connect_retries=1").failed("rotation: blocked")
    finally:
        site.lab.power_on("debian12")


def stale(site: Site) -> None:
    """A program in Go that runs through a change of the system's roots."""
    on("fedora-layout", "systemd-run --quiet --unit=watcher ctr events")(site)
    eventually(lambda: "ctr" in site.lab.exec("fedora-layout", "cat /proc/[0-9]*/comm").stdout.split())
    if not (site.folder / "second.pem").exists():
        other_ca(site, "second")
    site.declare(trust={"also": ["second.pem"]})
    site.deploy(step="anchorline.trust.rollout").ok()


def stranger(site: Site) -> None:
    """An anchor of the site that pki/ knows nothing of, as another checkout's deploy would have left it."""
    digest = "ab" * 32
    on("debian", f"echo ca {digest} >>/var/lib/anchorline/sites/production/anchors")(site)


BREAKS = {
    "a certificate is due": Break(
        "registry",
        "the certificate that it serves is due: less than 8759h is left",
        "pyinfra inventory deploy.py",
        1,
        lambda site: site.declare(renewal={"before": "8759h"}),
        lambda site: site.declare(renewal={"before": "33%"}),
    ),
    "a host is down": Break(
        "debian12",
        "Could not connect",
        "see that it is up and takes this login",
        2,
        lambda site: site.lab.power_off("debian12"),
        lambda site: site.lab.power_on("debian12"),
    ),
    "another pki/": Break(
        "debian",
        "it knows the CA abababababab as the site's",
        "bring back the pki/ that made it",
        1,
        stranger,
        on("debian", "sed -i /abababababab/d /var/lib/anchorline/sites/production/anchors"),
    ),
    "an old process": Break(
        "fedora-layout",
        "watcher.service holds the old roots",
        "systemctl restart watcher",
        0,
        stale,
        on("fedora-layout", "systemctl stop watcher; systemctl reset-failed watcher || true"),
    ),
    "another certificate is served": Break(
        "debian",
        "was issued by Intruder, not by the site's CA",
        "pyinfra -y inventory anchorline.registry.serve",
        1,
        on("registry", OTHER),
        deploy,
    ),
    "a clock is off": Break(
        "arch-layout",
        "its clock is 1 h 0 min behind",
        "timedatectl set-ntp true",
        0,
        on("arch-layout", "cat >/usr/local/bin/date; chmod +x /usr/local/bin/date", input=LIE),
        on("arch-layout", "rm /usr/local/bin/date"),
    ),
    "a disk is full": Break(
        "registry",
        "the disk of /var/lib/anchorline/registry has 32 MiB left",
        "make room",
        1,
        on("registry", "mount -t tmpfs -o size=32m none /var/lib/anchorline/registry"),
        on("registry", "umount /var/lib/anchorline/registry"),
    ),
    "a rotation is blocked": Break(
        "debian12",
        "rotation: blocked, 4 of 5 hosts have been seen to trust",
        "pyinfra inventory deploy.py",
        1,
        hold,
        deploy,
    ),
}


def test_a_fleet_as_declared(deployed: Site, counting: Path) -> None:  # noqa: F811
    """All is well, in one exec for each host, and without any key."""
    counted = counting / "counted"
    counted.write_text("")
    other = deployed.folder / "colleague"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    copy = Site(other, deployed.lab)
    shutil.copytree(deployed.pki, copy.pki, ignore=shutil.ignore_patterns("*-key.pem"))
    command = [deployed.anchorline, "status"]
    environment = {**os.environ, "PYTHONPATH": str(counting), "COUNTED": str(counted)}
    ran = deployed.lab.run(command, cwd=other, capture_output=True, text=True, env=environment, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 hosts: 5 as declared" in ran.stdout
    assert "version 2.8.3" in ran.stdout
    lines = counted.read_text().split()
    assert sorted(lines) == [f"192.0.2.{last}" for last in ("10", "21", "22", "23", "24")], "one exec for each host"
    found = told(deployed)
    assert [each["name"] for each in found["hosts"]] == [*sorted(HOSTS, key=[*HOSTS].index)]
    for host in found["hosts"]:
        assert set(map(tuple, host["stores"].values())) == {("present",)}, host
        assert host["served"]["generation"] == "present"
        assert abs(host["clock"]) < 5
    assert found["registry"]["repositories"] >= 1, "the image of the verification"


@pytest.mark.drill
@pytest.mark.parametrize("what", BREAKS)
def test_each_form_names_host_cause_and_next_step(deployed: Site, what: str, tmp_path: Path) -> None:
    broken = BREAKS[what]
    with broken(deployed):
        for form in FORMS:
            ran = status(deployed, "--format", form)
            assert ran.returncode == broken.code, ran.stdout + ran.stderr
            said = words_of(form, ran.stdout)
            for words in (broken.host, broken.cause, broken.fix):
                assert words in said, f"{words!r} is not in {form}:\n{said}"
            (tmp_path / form).write_text(ran.stdout)
        assert validated(junit_schema(), tmp_path / "junit") == ""
        assert conflicts((tmp_path / "prometheus").read_text()) == ""
        page = tmp_path / "page.html"
        page.write_text(re.sub("<style>.*?</style>", "", (tmp_path / "html").read_text(), flags=re.DOTALL))
        assert said_of(page) == {"page": []}
        page.write_text((tmp_path / "html").read_text())
        with chromium(1400, 900) as context:
            tab = context.new_page()
            tab.goto(page.as_uri())
            assert complaints(tab) == []
    assert status(deployed).returncode == 0, status(deployed).stdout


def test_two_of_them_in_make_test(deployed: Site) -> None:
    for what in ("a certificate is due", "a clock is off"):
        broken = BREAKS[what]
        with broken(deployed):
            ran = status(deployed)
            assert ran.returncode == broken.code, ran.stdout
            said = words_of("text", ran.stdout)
            assert all(words in said for words in (broken.host, broken.cause, broken.fix)), said


def test_while_a_deploy_runs(deployed: Site) -> None:
    """A look finds every host as it was or as it will be; neither hinders the other."""
    pki(deployed, "rekey", "server")
    command = deployed.command("-y", "inventory", "deploy.py")
    running = deployed.lab.popen(command, cwd=deployed.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    looks = 0
    try:
        while running.poll() is None and looks < 60:
            ran = status(deployed)
            assert ran.returncode in (0, 1), ran.stdout + ran.stderr
            assert "Traceback" not in ran.stderr
            assert "unreachable" not in ran.stdout
            looks += 1
        assert running.wait(timeout=120) == 0
    finally:
        running.kill()
        running.wait()
    assert looks >= 1
    assert status(deployed).returncode == 0
