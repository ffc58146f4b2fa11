"""``anchorline check --expiry`` for a nightly pipeline: files, and what a real server on the loopback serves."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchorline.authority import stage
from anchorline.authority.generations import promote, rotate
from anchorline.cli.expiry import ending
from anchorline.spec import load
from tests.preloaded import loaded
from tests.unit.ca import Ca

ANCHORLINE = str(Path(sys.executable).with_name("anchorline"))
SPEC = """
version: 1
site: blue
authority: {{CN: Blue CA}}
signing: {{default: {{expiry: 90d, usages: [signing, server auth]}}}}
certificates: {{server: {{hosts: [registry.example.com]}}}}
registry: {{address: "registry.example.com:{port}", hosts_entry: 127.0.0.1, certificate: server, image: "r@{digest}"}}
ignore: [ANC202]
"""


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "anchorline.yml").write_text(SPEC.format(port=self.port, digest=f"sha256:{'0' * 64}"))
        stage(load(folder / "anchorline.yml")).commit()
        self.pair = (folder / "pki/blue/server.pem", folder / "pki/blue/server-key.pem")

    def check(self, *arguments: str) -> tuple[int, list[tuple[str, str]], str]:
        """The exit code, code and words of each problem, and standard error."""
        ran = loaded("anchorline").run(["check", "--format", "json", *arguments], self.folder)
        found = json.loads(ran.stdout) if ran.stdout else []
        return ran.returncode, [(each["code"], each["cause"]) for each in found], ran.stderr

    @contextmanager
    def serving(self, certificate: Path, key: Path) -> Iterator[None]:
        """A TLS server, for one connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = socket.create_server(("127.0.0.1", self.port))
        server.settimeout(10)

        def answer() -> None:
            with suppress(OSError):  # a client may not like the certificate
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            thread.join(timeout=11)
            server.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_without_the_option_nothing_is_asked(site: Site) -> None:
    assert site.check() == (0, [], "")


def test_what_is_far_from_its_end_is_clean(site: Site) -> None:
    with site.serving(*site.pair):
        assert site.check("--expiry", "30d") == (0, [], "")


def test_what_ends_soon(site: Site) -> None:
    with site.serving(*site.pair):
        code, found, _ = site.check("--expiry", "100d")
    assert code == 1
    assert [each for each, _ in found] == ["ANC311", "ANC311"], "the file, and what is served"
    assert all("in 89 days" in what for _, what in found)
    with site.serving(*site.pair):
        assert len(site.check("--expiry", "20y")[1]) == 3, "the CA as well"


def test_what_cannot_be_told_is_an_error(site: Site) -> None:
    code, found, _ = site.check("--expiry", "30d")
    assert code == 1
    [(name, what)] = found
    assert (name, "can't be asked what it serves: Connection refused" in what) == ("ANC312", True)


def test_a_certificate_of_somebody_else_is_an_error(site: Site, tmp_path: Path) -> None:
    key, pem = tmp_path / "other-key.pem", tmp_path / "other.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(pem), "-subj", "/CN=registry.example.com"]
    subprocess.run(command, check=True, capture_output=True)
    with site.serving(pem, key):
        code, found, _ = site.check("--expiry", "30d")
    assert code == 1
    [(name, what)] = found
    assert (name, "doesn't verify" in what) == ("ANC312", True)


def test_a_time_that_is_none(site: Site) -> None:
    code, _, said = site.check("--expiry", "soon")
    assert code == 2
    assert "no duration" in said


@pytest.mark.parametrize("authority", ["", "authority: {CN: Blue CA}\ntrust: {also: [pki/blue/ca.pem]}\n"])
def test_a_certificate_that_was_brought(site: Site, authority: str) -> None:
    """Its own root vouches for it; where that is a public CA, the system's: which doesn't know this one."""
    spec = (site.folder / "anchorline.yml").read_text()
    external = "certificates: {server: {certificate: pki/blue/server.pem, key: pki/blue/server-key.pem}}"
    lines = [external if line.startswith("certificates") else line for line in spec.splitlines()]
    lines = [line for line in lines if not line.startswith(("authority", "signing"))]
    (site.folder / "anchorline.yml").write_text("\n".join([*lines, authority]))
    with site.serving(*site.pair):
        _, found, _ = site.check("--expiry", "100d")
    said = "in 89 days" if authority else "it serves what doesn't verify"
    assert said in found[-1][1]
    assert found[0] == ("ANC311", found[0][1])


def test_a_registry_that_stays_silent_is_an_error_soon(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.port)):
        began = time.monotonic()
        code, found, _ = site.check("--expiry", "30d")
    assert (code, found) == (1, [("ANC312", "it can't be asked what it serves: no answer in 5 s")])
    assert time.monotonic() - began < 15


def test_what_has_ended_is_served_still(site: Site) -> None:
    spec = load(site.folder / "anchorline.yml")
    shutil.rmtree(site.folder / "pki")
    stage(spec, datetime.now(UTC) - timedelta(days=100)).commit()
    with site.serving(*site.pair):
        code, found, _ = site.check("--expiry", "1h")
    assert code == 1
    assert [each for each, _ in found] == ["ANC311", "ANC312"]
    assert "ended on" in found[0][1]
    assert "certificate has expired" in found[1][1]


def test_a_server_of_another_name_is_an_error(site: Site) -> None:
    spec = (site.folder / "anchorline.yml").read_text()
    (site.folder / "anchorline.yml").write_text(spec.replace("hosts: [", "hosts: [other.example.com, "))
    stage(load(site.folder / "anchorline.yml")).commit()
    other = spec.replace("registry.example.com", "other.example.com")
    (site.folder / "other.yml").write_text(other.replace("site: blue", "site: green"))
    green = load(site.folder / "other.yml")
    shutil.copytree(site.folder / "pki/blue", green.pki)
    stage(green).commit()
    with site.serving(green.pki / "server.pem", green.pki / "server-key.pem"):
        code, found, _ = site.check("--expiry", "30d")
    assert (code, [each for each, _ in found]) == (1, ["ANC312"])
    assert "Hostname mismatch" in found[0][1]


def test_a_ca_that_has_ended_hides_nothing_else(site: Site) -> None:
    for name, days in (("old", -3), ("new", 4)):
        (site.folder / f"{name}.pem").write_bytes(Ca(name, days=days).pem)
    with (site.folder / "anchorline.yml").open("a") as spec:
        spec.write("trust: {also: [old.pem, new.pem]}\n")
    code, found, _ = site.check("--expiry", "30d")
    assert code == 1
    assert [each for each, _ in found] == ["ANC311", "ANC311", "ANC312"]
    assert "CN=old ended on" in found[0][1]
    assert "CN=new ends on" in found[1][1]
    assert "can't be asked" in found[2][1]


def test_an_intermediate_that_ends_soon(tmp_path: Path) -> None:
    root = Ca("Root", days=4000)
    middle = Ca("Middle", root, days=5)
    (tmp_path / "ca.pem").write_bytes(middle.pem + root.pem)
    (tmp_path / "anchorline.yml").write_text("version: 1\nsite: blue\nauthority: {certificate: ca.pem}\n")
    command = [ANCHORLINE, "check", "--expiry", "30d"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "ca.pem: ANC311 CN=Middle ends on" in ran.stdout
    assert "in 4 days; have hosts trust the next one by trust.also" in ran.stdout
    assert "CN=Root" not in ran.stdout


def test_the_fix_of_each_generation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.folder)
    spec = load(site.folder / "anchorline.yml")
    rotate(spec).commit()
    fixes = {problem.place.file.name: problem.fix for problem in ending(spec, timedelta(days=9000))}
    assert fixes["ca.pem"] == "a rotation stands already: pyinfra inventory deploy.py"
    promote(spec).commit()
    previous = [each.fix for each in ending(spec, timedelta(days=9000)) if "previous" in str(each.place.file)]
    assert [fix.partition("=")[0] for fix in previous] == ["pyinfra inventory anchorline.trust.withdraw --data ca"]


def test_a_wrong_spec_is_said_for_programs_too(site: Site) -> None:
    with (site.folder / "anchorline.yml").open("a") as spec:
        spec.write("nonsense: 1\n")
    code, found, said = site.check("--expiry", "30d")
    assert (code, len(found), said) == (1, 1, "")
    assert "unknown key" in found[0][1]
