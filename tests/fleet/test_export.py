"""Hosts that are given the exported script: they trust what is served, and a rollout finds nothing to do."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tests.fleet.conftest import HOSTS, Site, eventually

pytestmark = pytest.mark.fleet

FETCH = (
    "curl -sS -o /dev/null --max-time 10 --resolve registry.example.com:443:192.0.2.10 https://registry.example.com/"
)
NOT_TRUSTED = 60
"""curl's exit code where it doesn't trust a server's certificate."""
NODE = "fedora-layout"
"""Runs it as Kubernetes would: by the DaemonSet's command, in a container's place."""


def anchorline(site: Site, *arguments: str) -> str:
    command = [sys.executable, "-c", "from anchorline.cli.main import main; main()", "pki", *arguments]
    return subprocess.run(command, cwd=site.folder, check=True, capture_output=True, text=True).stdout


def verifies(site: Site, host: str) -> bool:
    pem = (site.pki / "ca.pem").read_text()
    return site.lab.exec(host, "openssl verify -partial_chain", input=pem).returncode == 0


def on_the_node(site: Site) -> subprocess.CompletedProcess[str]:
    """The init container of the DaemonSet, as far as a host without Kubernetes has it: the node's root at /host."""
    settings, daemons = yaml.safe_load_all(anchorline(site, "export", "--as", "kubernetes"))
    [trust] = daemons["spec"]["template"]["spec"]["initContainers"]
    shell, option, command = trust["command"]
    assert "'" not in command
    place = "mkdir /host /anchorline && cat >/anchorline/trust.sh"
    assert site.lab.exec(NODE, place, input=settings["data"]["trust.sh"]).returncode == 0
    contained = f"mount --rbind / /host && exec {shell} {option} '{command}'"
    ran = site.lab.exec(NODE, f"unshare --mount sh -c {quoted(contained)}")
    site.lab.exec(NODE, "rm -r /anchorline && rmdir /host")
    return ran


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def test_the_script_does_what_a_rollout_does(site: Site) -> None:
    anchorline(site, "issue")
    script = anchorline(site, "export", "--as", "script")
    for name in ("server.pem", "server-key.pem"):
        site.lab.exec("registry", f"cat >/run/{name}", input=(site.pki / name).read_text())
    site.lab.exec(
        "registry",
        "systemd-run --quiet --unit=served openssl s_server -quiet -www -accept 443 "
        "-cert /run/server.pem -key /run/server-key.pem",
    )
    try:
        eventually(lambda: site.lab.exec("registry", FETCH).returncode == NOT_TRUSTED)
        for host in HOSTS:
            assert not verifies(site, host), "or this proves nothing"
            assert site.lab.exec(host, FETCH).returncode == NOT_TRUSTED, host
            ran = on_the_node(site) if host == NODE else site.lab.exec(host, "sh -s", input=script)
            assert (ran.returncode, ran.stderr) == (0, ""), host
            assert "site production: system store, " in ran.stdout, host
            assert verifies(site, host), host
            assert (
                site.lab.exec(host, FETCH.replace("--resolve registry.example.com:443:192.0.2.10", "")).returncode == 0
            )
            again = site.lab.exec(host, "sh -s", input=script)
            assert (again.returncode, again.stdout) == (0, "site production: nothing to do\n"), again.stderr
    finally:
        site.lab.exec("registry", "systemctl stop served; rm /run/server.pem /run/server-key.pem")
    result = site.deploy(step="anchorline.trust.rollout").ok()
    assert not result.changed, str(result)
    # and the control of that: with a file gone, it isn't blind
    site.lab.exec("debian", "rm /var/lib/anchorline/sites/production/anchors")
    assert site.deploy(step="anchorline.trust.rollout").ok().changed
