from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from anchorline.registry import distribution
from anchorline.registry.desired import SPEC_LABEL, Instance
from anchorline.registry.distribution import DRAIN
from anchorline.registry.runtimes import CONTAINER_RUNTIMES
from anchorline.spec import load

REMOTE = {"address": "registry.example.com", "certificate": "server", "image": "registry:2.8.3"}
LOCAL = {"mode": "local", "address": "localhost:5000"}
Make = Callable[..., Instance]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The container of a spec whose section `registry` is this one."""

    def of(registry: dict[str, object], site: str = "blue", also_for: str = "other.example.com") -> Instance:
        hosts = ["registry.example.com", "192.0.2.10", "2001:db8::1", also_for]
        spec = {
            "version": 1,
            "site": site,
            "authority": {"CN": "Blue CA"},
            "signing": {"default": {"expiry": "8760h", "usages": ["signing", "server auth"]}},
            "certificates": {
                "server": {"CN": "registry.example.com", "hosts": hosts},
                "second": {"CN": "registry.example.com", "hosts": hosts},
            },
            "registry": registry,
        }
        (tmp_path / "anchorline.yml").write_text(json.dumps(spec))
        made = distribution.service(load(tmp_path / "anchorline.yml")).registry
        assert made is not None
        return made

    return of


def test_no_registry_no_container(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text("version: 1\nsite: blue\nauthority: {CN: Blue CA}\n")
    found = distribution.service(load(tmp_path / "anchorline.yml"))
    assert (found.instances, found.registry) == ((), None)


@pytest.mark.parametrize(
    "other",
    [
        {"image": "registry:3"},
        {"listen": "0.0.0.0:8443", "address": "registry.example.com:8443"},
        {"listen": "192.0.2.10:443"},
        {"data": "/srv/registry"},
        {"site": "green"},
    ],
    ids=str,
)
def test_what_a_running_container_cannot_be_given_is_in_the_digest(make: Make, other: dict[str, object]) -> None:
    site = str(other.pop("site", "blue"))
    assert make(REMOTE | other, site).digest != make(REMOTE).digest


@pytest.mark.parametrize(
    "other",
    [
        {"certificate": "second"},  # a restart is enough
        {"aliases": ["192.0.2.10"]},  # names are the clients' business
        {"hosts_entry": "192.0.2.10"},
        {"name": "another"},  # which container it is, not what it is made of
        {"archive": "image.tar"},
    ],
    ids=str,
)
def test_what_it_can_be_given_is_not(make: Make, other: dict[str, object]) -> None:
    assert make(REMOTE | other, also_for="changed.example.com").digest == make(REMOTE).digest


def test_the_digest_stays_from_run_to_run(make: Make) -> None:
    assert make(REMOTE).digest == make(dict(reversed(REMOTE.items()))).digest


def test_the_arguments(make: Make) -> None:
    container = make(REMOTE)
    assert container.create == (
        "--restart=unless-stopped",
        f"--label={SPEC_LABEL}={container.digest}",
        "--label=anchorline.site=blue",
        "--publish=0.0.0.0:443:5000",
        "--read-only",
        "--cap-drop=ALL",
        "--cap-add=DAC_OVERRIDE",
        "--security-opt=no-new-privileges",
        "--pids-limit=4096",
        "--log-opt=max-size=10m",
        "--log-opt=max-file=3",
        "--tmpfs=/var/lib/registry:size=64k,mode=755",
        "--volume=/var/lib/anchorline/registry/docker:/var/lib/registry/docker@Z",
        "--volume=/var/lib/anchorline/sites/blue/registry:/etc/anchorline:ro@Z",
        "--env=REGISTRY_HTTP_ADDR=:5000",
        "--env=OTEL_TRACES_EXPORTER=none",
        "--env=REGISTRY_HTTP_TLS_CERTIFICATE=/etc/anchorline/server.pem",
        "--env=REGISTRY_HTTP_TLS_KEY=/etc/anchorline/server-key.pem",
        "registry:2.8.3",
        "/etc/anchorline/config.yml",
    )


def test_an_ipv6_socket_is_in_brackets(make: Make) -> None:
    assert make(REMOTE | {"listen": "[2001:db8::1]:443"}).publish == "[2001:db8::1]:443:5000"


def test_local_mode_is_plain_and_on_the_loopback_alone(make: Make) -> None:
    container = make(LOCAL)
    assert not container.tls
    assert container.publish == "127.0.0.1:5000:5000"
    assert "--publish=127.0.0.1:5000:5000" in container.create
    assert not any("TLS" in argument for argument in container.create)
    assert any("TLS" in argument for argument in make(REMOTE).create)


def test_the_configuration(make: Make) -> None:
    text = make(REMOTE).configuration
    assert text.startswith("# anchorline blue: ")
    configuration = yaml.safe_load(text)
    assert configuration["http"]["secret"] == "@SECRET@"
    assert configuration["http"]["draintimeout"] == f"{DRAIN}s"
    assert configuration["storage"]["delete"]["enabled"] is True
    assert configuration["http"]["tls"] == {"minimumtls": "tls1.2"}, (
        "variables say the rest, for registry 2 and 3 alike"
    )
    assert "tls" not in yaml.safe_load(make(LOCAL).configuration)["http"]


def test_the_configuration_is_not_in_the_digest(make: Make) -> None:
    """A restart is enough for another one."""
    instance = make(REMOTE)
    other = replace(instance, configuration="version: 0.1\n")
    assert other.digest == instance.digest
    assert other.configured != instance.configured


def test_whose_files_are_secret(make: Make) -> None:
    modes = {each.name: (each.mode, each.secret) for each in make(REMOTE).files}
    assert modes == {
        "config.yml": ("600", False),  # the host writes http.secret into it
        "ca.pem": ("644", False),
        "server.pem": ("644", False),
        "server-key.pem": ("600", True),
    }
    assert [each.name for each in make(LOCAL).files] == ["config.yml"]


def test_the_runtime_is_the_one_that_the_spec_names(make: Make) -> None:
    assert make(REMOTE | {"runtime": "docker"}).runtime is CONTAINER_RUNTIMES["docker"]


@pytest.mark.parametrize(
    ("one", "other"),
    [(("blue", "registry"), ("green", "registry")), (("blue", "a-b"), ("blue-a", "b")), (("blue", "a"), ("blue", "b"))],
)
def test_each_has_a_table_of_its_own(make: Make, one: tuple[str, str], other: tuple[str, str]) -> None:
    tables = {make(REMOTE | {"name": name}, site).table for site, name in (one, other)}
    assert len(tables) == 2
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9/_.]*", each) for each in tables), "nft(8), an identifier"
