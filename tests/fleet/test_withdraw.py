"""A CA is taken out again: refused while it serves, completely gone afterwards, and what isn't ours stays."""

from __future__ import annotations

import pytest

from tests.fleet.certificates import other_ca, sha256, short, trusts
from tests.fleet.conftest import HOSTS, Site
from tests.fleet.verbs import DISTRUST, WITHDRAW

pytestmark = pytest.mark.fleet

# what a rollout may touch; the bundles by what is in them, not by their times
TREE = (
    "cd / && find etc/ssl etc/pki etc/ca-certificates etc/docker etc/containers etc/containerd usr/local/share "
    "var/lib/anchorline etc/hosts \\( -type f -o -type l \\) ! -name cacerts ! -name '*.bin' 2>/dev/null | sort | "
    'while read -r f; do [ -L $f ] && echo "$f $(readlink $f)" || echo "$f $(sort $f | sha256sum)"; done; '
    "find etc/docker etc/containers etc/containerd var/lib/anchorline -type d 2>/dev/null | sort"
)


def trees(site: Site) -> dict[str, str]:
    return {host: site.lab.exec(host, TREE).stdout for host in HOSTS}


@pytest.mark.drill
def test_no_before_yes_after_no_again(site: Site) -> None:
    before = trees(site)
    first, second = other_ca(site, "first"), other_ca(site, "second")
    site.declare(registry=None, certificates=None, signing=None, authority={"certificate": "first.pem"})
    spec = site.folder / "anchorline.yml"
    text = "version: 1\nsite: production\nauthority: {certificate: first.pem}\ntrust: {also: [second.pem]}\n"
    spec.write_text(text)
    assert not any(trusts(site, host, "first") for host in HOSTS)
    site.deploy(step="anchorline.trust.rollout").ok()
    assert all(trusts(site, host, name) for host in HOSTS for name in ("first", "second"))

    # the spec declares both
    site.deploy("--data", f"ca={second}", step=WITHDRAW).failed("still declares CN=second", "trust: {also: ...}")
    spec.write_text(text.partition("trust:")[0])
    site.deploy("--data", "ca=0123456789ab", step=WITHDRAW).failed("no host holds a CA", "debian")
    # a plan leaves no trace
    plan = site.run("--dry", "--data", f"ca={second}", "inventory", WITHDRAW)
    assert "withdrawn: CN=second" in plan.stderr, plan.stderr
    assert all(trusts(site, host, "second") for host in HOSTS)

    # one host has it from someone else
    theirs = "/usr/local/share/ca-certificates/company.crt"
    site.lab.exec("debian", f"cp /usr/local/share/ca-certificates/anchorline-production-*{short(second)}.crt {theirs}")
    done = site.deploy("--data", f"ca={second}", step=WITHDRAW).ok()
    assert f"still trusted, not by us: {theirs}" in " ".join(done.err.split())
    assert {host: trusts(site, host, "second") for host in HOSTS} == {host: host == "debian" for host in HOSTS}
    assert all(trusts(site, host, "first") for host in HOSTS), "the other generation is untouched"
    again = site.deploy("--data", f"ca={second}", step=WITHDRAW).ok()
    assert not again.changed
    site.lab.exec("debian", f"rm {theirs}; update-ca-certificates --fresh")

    # the emergency: declared or not, and banned where there is a place to say so
    banned = site.deploy("--data", f"ca={first}", step=DISTRUST).ok()
    assert "distrusted: CN=first" in banned.err
    assert not any(trusts(site, host, "first") for host in HOSTS)
    assert not site.deploy("--data", f"ca={first}", step=DISTRUST).ok().changed
    lists = {"arch-layout": "/etc/ca-certificates/trust-source", "fedora-layout": "/etc/pki/ca-trust/source"}
    for host, folder in lists.items():
        assert "anchorline-production-" in site.lab.exec(host, f"ls {folder}/blocklist").stdout
        site.lab.exec(host, f"cp {folder}/blocklist/* {folder}/anchors/theirs.crt && update-ca-trust")
        assert not trusts(site, host, "first"), "whoever vouches for it"
        site.lab.exec(host, f"rm {folder}/blocklist/* {folder}/anchors/theirs.crt && update-ca-trust")
    for host in HOSTS:
        assert "withdrawn: CN=second" in site.lab.exec(host, "journalctl -t anchorline").stdout
    after = trees(site)
    assert after == before


@pytest.mark.hosts("registry", "debian", "fedora-layout")
def test_what_is_served_is_not_withdrawn(site: Site) -> None:
    site.deploy().ok()
    ca = sha256(site.pki / "ca.pem")
    other_ca(site, "next")
    (site.pki / "ca-key.pem").unlink()
    site.deploy("--data", f"ca={short(ca)}", step=WITHDRAW).failed("the spec still declares", "ends in this CA")
    assert all(site.lab.exec(host, "ls /etc/*/certs.d/*/*.crt").stdout for host in site.hosts)
    site.deploy("--data", f"ca={short(ca)}", step=DISTRUST).ok()
    for host in site.hosts:
        left = (
            "ls -d /etc/*/certs.d/registry.example.com* /usr/local/share/ca-certificates/anch* /etc/*/*/anchors/anch*"
        )
        assert not site.lab.exec(host, f"{left} 2>/dev/null; grep '# anchorline' /etc/hosts").stdout
