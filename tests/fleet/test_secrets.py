"""No private key is seen anywhere that it isn't kept: output, logs, process lists, temporary folders, the container."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.conftest import Site, eventually
from tests.fleet.sites import FOLDER

pytestmark = pytest.mark.fleet

# looks again and again, for at most five minutes, and counts what it found; the patterns are in a file, so that it
# doesn't find itself
SCAN = """
cat >/root/patterns; : >/root/found; end=$(($(date +%s) + 300)); scans=0
while [ ! -e /root/enough ] && [ "$(date +%s)" -lt $end ]; do
    grep -laFf /root/patterns /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null >>/root/found
    grep -rlaFf /root/patterns /tmp /var/tmp /dev/shm /run/user 2>/dev/null >>/root/found
    scans=$((scans + 1)); touch /root/begun; sleep 0.1
done
echo $scans; cat /root/found
"""


def key_lines(folder: Path) -> list[str]:
    """What tells the keys: their base64 lines, without the first, which many keys of a kind share."""
    lines = [line for file in folder.glob("*-key.pem") for line in file.read_text().splitlines()]
    return [line for line in lines if not line.startswith("-----") and not line.startswith("MIG")]


def issue(site: Site) -> str:
    """Make what is missing in ``pki/``. Returns what was said."""
    command = [str(Path(sys.executable).with_name("anchorline")), "pki", "issue"]
    done = subprocess.run(command, cwd=site.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def scan(site: Site, host: str, patterns: list[str]) -> subprocess.Popen[str]:
    """Begin to search a host."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    begun = site.lab.popen([*site.lab.ssh(host), SCAN], text=True, **pipes)
    assert begun.stdin
    begun.stdin.write("".join(f"{line}\n" for line in patterns))
    begun.stdin.close()
    begun.stdin = None
    return begun


@pytest.mark.hosts("registry", "debian")
def test_private_keys(site: Site) -> None:
    everything = issue(site)
    patterns = key_lines(site.pki)
    assert len(patterns) >= 4
    # the first negative control: a key that lies where none belongs is found by the same search
    assert site.lab.exec("debian", f"printf '%s' {patterns[0]} >/tmp/planted").returncode == 0
    scanners = {host: scan(site, host, patterns) for host in site.hosts}
    try:
        for host in site.hosts:
            eventually(lambda host=host: site.lab.exec(host, "test -e /root/begun").returncode == 0)
        loud = site.run_anew("-y", "-vvv", "--debug", "--diff", "inventory", "deploy.py")
        assert loud.returncode == 0, loud.stderr
        for file in site.pki.glob("server*"):
            file.unlink()  # another certificate: its key is sent once more
        everything += issue(site)
        patterns += (new := key_lines(site.pki))
        for host in site.hosts:
            assert site.lab.exec(host, "cat >>/root/patterns", "".join(f"{line}\n" for line in new)).returncode == 0
        as_json = site.run_anew("-y", "--json", "-vvv", "inventory", "deploy.py")
        assert as_json.returncode == 0, as_json.stderr
        plan = site.run_anew("--dry", "-vvv", "--debug-operations", "inventory", "deploy.py")
        for host in site.hosts:
            site.lab.exec(host, "touch /root/enough")
        for host, scanner in scanners.items():
            out, _ = scanner.communicate(timeout=60)
            scans, *found = out.split()
            assert int(scans) > 5, f"{host}: too few scans to mean anything"
            assert {*found} == ({"/tmp/planted"} if host == "debian" else set()), f"{host}: {found}"
    finally:
        for scanner in scanners.values():
            scanner.kill()
            scanner.wait()
    for done in (loud, as_json, plan):
        everything += done.stdout + done.stderr
    for host in site.hosts:
        everything += site.lab.exec(host, "journalctl --no-pager -o cat; cat /var/log/*.log 2>/dev/null").stdout
    everything += site.lab.exec("registry", "docker inspect registry; docker logs registry 2>&1").stdout
    for file in site.folder.rglob("*"):
        if file.is_file() and not file.is_relative_to(site.folder / "pki") and "images" not in file.parts:
            everything += file.read_bytes().decode(errors="replace")
    leaked = [line[:8] for line in patterns if line in everything]
    assert not leaked
    # the second: where the key belongs, what is searched for is there
    kept = site.lab.exec("registry", f"cat {FOLDER}/server-key.pem").stdout
    assert any(line in kept for line in patterns)
    mode = site.lab.exec("registry", f"stat -c '%a %U' {FOLDER}/server-key.pem").stdout
    assert mode.split() == ["600", "root"]
