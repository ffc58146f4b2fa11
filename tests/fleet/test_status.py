"""``anchorline status`` on the lab: good, broken in eight ways, and while a deploy runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.chromium import chromium
from tests.browser.validators import complaints, said_of
from tests.fleet.breaks import BREAKS
from tests.fleet.conftest import HOSTS, Site
from tests.fleet.said import FORMS, status, told, words_of
from tests.fleet.verbs import pki
from tests.unit.tools import junit_schema, objections, validated

pytestmark = pytest.mark.fleet


def test_a_fleet_as_declared(deployed: Site, counting: Path) -> None:
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
        assert objections((tmp_path / "prometheus").read_text()) == ""
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
    """A probe finds every host as it was or as it will be; neither hinders the other."""
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
