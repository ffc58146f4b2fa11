"""Deploys that are refused as a whole, and command lines that can't end well."""

from __future__ import annotations

import pytest

from .site import LOOK, SPEC, Site

FLEET = ("registry", "a", "b", "c")
STRANGE = "ab12" * 16


def refused(site: Site, *arguments: str) -> str:
    """What a run says that is refused as a whole: it looked at most, and left no trace."""
    before = site.trace()
    ran = site.deploy(*arguments)
    assert ran.code == 1, ran.said
    assert all(count == 1 for count in ran.counts.values()), "nothing beyond the probe"
    assert site.trace() == before
    assert "Traceback" not in ran.said
    assert "pyinfra-debug.log" not in ran.said
    return ran.said


def test_the_fleet_remembers(site: Site) -> None:
    site.new(*FLEET)
    site.answers["c"][LOOK]["stdout"].insert(1, f"marker ca {STRANGE}")
    said = refused(site)
    assert f"doesn't know the CA {STRANGE[:12]} that @fake/c knows as the site's" in said
    assert not site.pki.exists()


def test_a_port_that_is_taken_is_refused(site: Site) -> None:
    site.new(*FLEET)
    site.answers["registry"][LOOK]["stdout"].insert(-2, "port nginx")
    assert "port 443 is taken by nginx" in refused(site)
    assert not site.pki.exists()


def test_a_new_site_without_its_registry_host_is_refused(site: Site) -> None:
    site.new("a", "b")
    site.answers["registry"] = {"down": {}}
    refused(site)
    assert not site.pki.exists()


def test_a_new_site_is_not_begun_with_a_part_of_it(site: Site) -> None:
    site.new(*FLEET)
    assert "bring it up, or take it into --limit" in refused(site, "--limit", "@fake/a")
    assert not site.pki.exists()


def test_too_many_failures_stop_before_the_next_step(site: Site) -> None:
    site.new("registry", "a")
    for host in ("b", "c", "d"):
        site.says(host, stdout=[], stderr=["no"], success=False)
    said = refused(site)
    assert "3 of 5 hosts failed, and `limits: {failed: 30%}`" in said
    assert not site.pki.exists()


def test_two_registry_hosts_are_refused(site: Site) -> None:
    site.new("registry-1", "registry-2", "a")
    assert "`registry` has @fake/registry-1, @fake/registry-2" in refused(site)


def test_no_registry_host_is_refused(site: Site) -> None:
    site.new("a")
    assert "`registry` has no host" in refused(site)


def test_a_spec_with_errors_says_all_of_them(site: Site) -> None:
    site.new(*FLEET)
    site.write(SPEC.replace("server auth", "serve auth").replace("version: 1", "version: 9") + "colour: red\n")
    said = refused(site)
    for each in ("version", "serve auth", "colour"):
        assert each in said
    assert not site.pki.exists()


def test_a_damaged_pki_is_refused(site: Site) -> None:
    site.settled(*FLEET)
    (site.pki / "blue/ca.pem").write_text("nothing")
    assert "ca.pem" in refused(site)


def test_dry_is_refused_like_the_deploy(site: Site) -> None:
    site.new(*FLEET)
    site.answers["c"][LOOK]["stdout"].insert(1, f"marker ca {STRANGE}")
    ran = site.run("--dry", "inventory", "deploy.py")
    assert ran.code == 1
    assert STRANGE[:12] in ran.said
    assert "Traceback" not in ran.said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--dry", "-y"], "--dry -y is refused"),
        (["-y", "--no-wait"], "--no-wait is refused"),
        (["-y", "--serial"], "--serial is refused"),
        ([], "there is no terminal to ask at"),
    ],
)
def test_a_command_line_that_cannot_end_well(site: Site, arguments: list[str], why: str) -> None:
    site.settled("registry", "a")
    ran = site.run(*arguments, "inventory", "deploy.py")
    assert ran.code == 1
    assert [line for line in ran.said.splitlines() if why in line]
    assert "Traceback" not in ran.said
    assert ran.commands == {}


@pytest.mark.parametrize(
    ("inventory", "arguments"),
    [("clients = []\n", []), (None, ["--limit", "typo"])],
    ids=["empty inventory", "a mistyped --limit"],
)
def test_no_host_is_no_success(site: Site, inventory: str | None, arguments: list[str]) -> None:
    site.settled("registry", "a")
    if inventory is not None:
        site.write(inventory=inventory)
    ran = site.deploy(*arguments)
    assert ran.code == 1, ran.said
    assert "No host" in ran.said
    assert "Traceback" not in ran.said
    assert ran.commands == {}


def test_an_inventory_that_is_not_there(site: Site) -> None:
    ran = site.run("-y", "nosuch.py", "deploy.py")
    assert ran.code == 1, ran.said
    assert "Traceback" not in ran.said
