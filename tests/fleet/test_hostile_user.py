"""A user of a host does all that a user can, all the time: nothing of root's changes, and the CA goes at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fleet.certificates import other_ca, short, trusts
from tests.fleet.conftest import Site, eventually
from tests.fleet.verbs import DISTRUST, WITHDRAW

pytestmark = pytest.mark.fleet

HOST = "debian"
CERTS = "/home/joe/.config/docker/certs.d"
# one turn: links in every place that we write to or make, names that we read, locks, programs
ATTACK = r"""
cd
docker=.config/docker name=.config/docker/certs.d/registry.example.com
while :; do
    rm -f .config/docker/certs.d .config 2>/dev/null
    mkdir -p $name .pki/nssdb
    for each in anchorline-production-FIRST anchorline-production-SECOND; do
        ln -sfn /etc/canary $name/$each.crt.anchorline-new
        ln /etc/canary-link $name/$each.crt.anchorline-new 2>/dev/null
        ln -sfn /etc/canary $name/$each.crt.anchorline-backup
    done
    echo MAA= | sed '1i -----BEGIN CERTIFICATE-----' | sed '$a -----END CERTIFICATE-----' \
        >$name/anchorline-production-000000000000.crt
    sed s/MAA=/M/ $name/anchorline-production-000000000000.crt >$name/anchorline-production-000000000001.crt
    truncate -s 200M $name/anchorline-production-000000000002.crt
    mkfifo $name/anchorline-production-000000000003.crt $name/hosts.toml 2>/dev/null
    ln -sfn /etc/shadow $name/anchorline-production-000000000004.crt
    ln -sfn /etc/canaries .config/docker/certs.d/other.example.com
    for each in /tmp/tmp.*; do
        for end in got error digest cause anchorline-new; do ln -s /etc/canary $each.$end; done
    done 2>/dev/null
    flock -n /var/lib/anchorline/sites sleep 2 &
    flock -n /var/lib/anchorline/lock sleep 2 &
    mkdir -p /opt/idea/bin /opt/idea/lib/security
    ln -sfn /etc/canary /opt/idea/lib/security/cacerts.anchorline-new
    sleep 0.2
    # another way in, for the time of a change: each step of it leads to root's
    case $((turn = (turn + 1) % 4)) in
        0) mv $name away && ln -s /etc/canaries $name && sleep 0.3; rm -f $name; mv away $name ;;
        1) mv .config/docker/certs.d away && ln -s /etc .config/docker/certs.d && sleep 0.3
            rm -f .config/docker/certs.d; mv away .config/docker/certs.d ;;
        2) mv .config away && ln -s /etc .config && sleep 0.3; rm -f .config; mv away .config ;;
    esac
    wait
done >/dev/null 2>&1
"""
KEYTOOL = '#!/bin/sh\\nid -u >>/opt/idea/ran\\necho "SHA-256: 00"\\n'
SETTING = f"""
set -eu
useradd -m joe
install -d -m 755 /etc/canaries /etc/canaries/certs.d
echo canary | tee /etc/canary /etc/canaries/file >/etc/canary-link
chmod 600 /etc/canary /etc/canary-link /etc/canaries/file
install -d -o joe -g joe /opt/idea /opt/idea/bin /opt/idea/lib /opt/idea/lib/security /home/joe/.local \
    /home/joe/.local/share /home/joe/.local/share/docker
printf '{KEYTOOL}' >/opt/idea/bin/keytool
echo x >/opt/idea/lib/security/cacerts
chmod 755 /opt/idea/bin/keytool
chown -R joe: /opt/idea
chmod 666 /opt/idea/lib/security/cacerts
"""
# root's files, but for what a change of trust makes anew with the same content
TREE = r"""
find /etc /root /usr/local /var/lib/anchorline ! -name cacerts ! -path /etc/resolv.conf ! -path '/etc/*-' \
    -printf '%p %m %u:%g %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sed 's| [^ ]*$||' | sort
"""


@contextmanager
def joe(site: Site, *digests: str) -> Iterator[None]:
    """Joe at work, until the end."""
    text = ATTACK
    for word, digest in zip(("FIRST", "SECOND"), digests, strict=True):
        text = text.replace(word, short(digest))
    start = f"cat >/home/joe/attack <<'END'\n{text}END\nsystemd-run --quiet --unit joe --uid joe sh /home/joe/attack"
    begun = site.lab.exec(HOST, start)
    assert begun.returncode == 0, begun.stderr
    try:
        eventually(lambda: site.lab.exec(HOST, f"ls {CERTS}/registry.example.com").returncode == 0)
        yield
        assert "active" in site.lab.exec(HOST, "systemctl is-active joe").stdout.split(), "or nobody was at work"
    finally:
        site.lab.exec(HOST, "systemctl kill -s KILL joe; systemctl stop joe; systemctl reset-failed joe; true")


@pytest.mark.drill
@pytest.mark.hosts("registry", HOST)
def test_nothing_of_roots_changes_and_the_ca_goes(site: Site) -> None:
    made = site.lab.exec(HOST, SETTING)
    assert made.returncode == 0, made.stderr
    first, second = other_ca(site, "first"), other_ca(site, "second")
    text = "version: 1\nsite: production\nauthority: {certificate: first.pem}\n"
    trust = "trust: {users: [joe], stores: [system, docker, java, nss]"
    (site.folder / "anchorline.yml").write_text(f"{text}{trust}, also: [second.pem]}}\n")
    before = site.lab.exec(HOST, TREE).stdout
    with joe(site, first, second):
        look = site.run("--dry", "inventory", "anchorline.trust.rollout")
        assert look.returncode == 0, look.stderr
        site.deploy(step="anchorline.trust.rollout").ok()
        assert trusts(site, HOST, "first")
        assert trusts(site, HOST, "second")
        (site.folder / "anchorline.yml").write_text(f"{text}{trust}}}\n")
        gone = site.deploy("--data", f"ca={short(second)}", step=WITHDRAW).ok()
        assert "anchorline-production-000000000000.crt: no certificate" in " ".join(gone.err.split())
        assert not trusts(site, HOST, "second")
        assert trusts(site, HOST, "first")
        site.deploy("--data", f"ca={short(first)}", step=DISTRUST).ok()
        assert not trusts(site, HOST, "first")
    # what joe's turns hid from the last look, in joe's own home
    for digest in (first, second):
        site.deploy("--data", f"ca={digest}", step=DISTRUST).ok()
    copies = site.lab.exec(HOST, f"find / -xdev -type f -name 'anchorline-production-{short(first)}*'").stdout
    assert not copies, copies
    assert site.lab.exec(HOST, TREE).stdout == before
    assert "0" not in site.lab.exec(HOST, "cat /opt/idea/ran").stdout.split(), "root ran joe's program"
