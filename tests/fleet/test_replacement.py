"""The registry gets another certificate while clients are at it: none is refused, nothing breaks, uploads go on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleet.conftest import Site, on_registry
from tests.fleet.sites import OURS, THEIRS, staging

pytestmark = pytest.mark.fleet

SECONDS = 14
# new verified connections, one after the other; for each its exit code by curl, and how long it took
ASK = f"""
end=$(($(date +%s) + {SECONDS}))
while [ "$(date +%s)" -lt "$end" ]; do
    curl -sS --max-time 12 -o /dev/null -w '%{{exitcode}} %{{time_total}}\\n' "https://$name/v2/"
    sleep 0.02
done
"""
# 60 MB at 10 MB a second, begun before the replacement
FETCH = "curl -sS --fail --limit-rate 10M https://registry.example.com/v2/large/blobs/{digest} | sha256sum"
PUSH = """
head -c 60000000 /dev/urandom >/tmp/large
digest=sha256:$(sha256sum </tmp/large | cut -d ' ' -f 1)
at=$(curl -sS -X POST -D - -o /dev/null https://registry.example.com/v2/large/blobs/uploads/ |
    tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
curl -sS --fail -X PUT -H 'Content-Type: application/octet-stream' --data-binary @/tmp/large "$at&digest=$digest"
echo "$digest"
"""
BEGIN_UPLOAD = """
at=$(curl -sS -X POST -D - -o /dev/null https://registry.example.com/v2/small/blobs/uploads/ |
    tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
printf begun | curl -sS -X PATCH -H 'Content-Type: application/octet-stream' --data-binary @- -D - -o /dev/null "$at" |
    tr -d '\\r' | sed -n 's/^[Ll]ocation: //p'
"""
END_UPLOAD = """
digest=sha256:$(printf begunended | sha256sum | cut -d ' ' -f 1)
printf ended | curl -sS -o /dev/null -w '%{{http_code}}' -X PUT -H 'Content-Type: application/octet-stream' \
    --data-binary @- '{at}&digest='"$digest"
"""
REFUSED, TRUST = {7}, {35, 51, 60, 77, 83, 90, 91}
"""curl's exit codes: couldn't connect; TLS and certificates."""


@dataclass
class Seen:
    """What a client's attempts came to."""

    codes: list[int]
    longest: float

    def count(self, codes: set[int]) -> int:
        return sum(code in codes for code in self.codes)


def run(site: Site, command: str) -> str:
    done = site.lab.exec("debian", command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def asking(site: Site, name: str = OURS) -> Iterator[list[Seen]]:
    """Ask from a client all the while, and tell afterwards."""
    process = site.lab.popen([*site.lab.ssh("debian"), f"name={name}\n{ASK}"], stdout=subprocess.PIPE, text=True)
    seen: list[Seen] = []
    try:
        yield seen
        said, _ = process.communicate(timeout=SECONDS + 30)
        rows = [line.split() for line in said.splitlines()]
        seen.append(Seen([int(code) for code, _ in rows], max(float(took) for _, took in rows)))
    finally:
        process.kill()
        process.wait()


def renew(site: Site) -> str:
    """Another certificate, as a nightly pipeline would bring it; what the summary says of it."""
    site.lab.run([site.anchorline, "pki", "rekey", "server"], cwd=site.folder, check=True, capture_output=True)
    return " ".join(site.deploy().ok().err.split())


def test_under_load(deployed: Site) -> None:
    site = deployed
    digest = run(site, PUSH)
    upload = run(site, BEGIN_UPLOAD)
    with asking(site) as seen:
        fetch = site.lab.popen(
            [*site.lab.ssh("debian"), FETCH.format(digest=digest)], stdout=subprocess.PIPE, text=True
        )
        said = renew(site)
        got, _ = fetch.communicate(timeout=60)
    [attempts] = seen
    assert "none was refused" in said
    assert f"sha256:{got.split()[0]}" == digest, "the download went on to its end"
    assert attempts.count(REFUSED) == attempts.count(TRUST) == 0
    assert set(attempts.codes) == {0}
    assert len(attempts.codes) > 50
    assert 0.9 < attempts.longest < 12, "somebody waited"
    assert run(site, END_UPLOAD.format(at=upload)) == "201", "an upload outlives the restart"
    assert "anchorline" not in site.lab.exec("registry", "nft list tables").stdout


BUSY = "systemd-run --unit=busy-{0} flock /var/lib/anchorline/sites/{0}/registry.lock sleep 120"
"""Has the script that changes a site's registry wait, all but ready."""
READY = """
for each in production staging; do
    until ls -l /proc/[0-9]*/fd/9 2>/dev/null | grep -v "$(systemctl show -P MainPID busy-$each)" |
        grep -q "sites/$each/registry.lock"; do sleep 0.1; done
done
"""
# whether both held, and whether the first did still when the second no longer did
OVERLAP = """
tables() { nft list tables | grep -q "anchorline_$1"; }
systemctl stop busy-production
until tables production; do sleep 0.02; done
systemctl stop busy-staging
both=no longer=no
while tables production; do
    if tables staging; then both=yes; elif [ $both = yes ]; then longer=yes; fi
    sleep 0.02
done
echo "$both $longer"
"""


@pytest.mark.hosts("registry", "debian")
def test_another_site_restarts_while_the_first_one_holds(site: Site, tmp_path: Path) -> None:
    """A second site's registry on the same host begins and ends its restart while the first one's transfers end."""
    other = staging(site, tmp_path / "staging")
    for each in (site, other):
        each.deploy().ok()
        site.lab.run([each.anchorline, "pki", "rekey", "server"], cwd=each.folder, check=True, capture_output=True)
    digest = run(site, PUSH)
    for name in ("production", "staging"):
        on_registry(site, BUSY.format(name))
    deploys = [
        each.lab.popen(
            each.command("-y", "inventory", "deploy.py"),
            cwd=each.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for each in (site, other)
    ]
    with ExitStack() as stack:
        for process in deploys:
            stack.callback(process.kill)
        on_registry(site, READY)
        first, second = stack.enter_context(asking(site)), stack.enter_context(asking(site, THEIRS))
        fetch = site.lab.popen([*site.lab.ssh("debian"), FETCH.format(digest=digest)], stdout=subprocess.DEVNULL)
        stack.callback(fetch.wait, timeout=60)
        overlap = on_registry(site, OVERLAP)
        said = [process.communicate(timeout=120)[0] for process in deploys]
    assert [process.returncode for process in deploys] == [0, 0], said
    assert all("none was refused" in " ".join(each.split()) for each in said)
    for [attempts] in (first, second):
        assert set(attempts.codes) == {0}, "none refused, none given up"
        assert len(attempts.codes) > 20
        assert attempts.longest > 0.9, "somebody waited"
    assert overlap == "yes yes", "or this proves nothing"
    assert "anchorline" not in on_registry(site, "nft list tables")


@pytest.mark.drill
def test_without_nft_the_window_is_told(deployed: Site) -> None:
    site = deployed
    nft = on_registry(site, "command -v nft")
    on_registry(site, f"mv {nft} {nft}.away")
    try:
        with asking(site) as seen:
            said = renew(site)
    finally:
        on_registry(site, f"mv {nft}.away {nft}")
    [attempts] = seen
    assert "new connections were refused for " in said
    assert attempts.count(REFUSED) > 0, "the control: without it some are"
    assert attempts.count(TRUST) == 0
