"""A key file that is none: ``broken``, whoever asks, and no passphrase is asked for; and the fix that is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from anchorline.authority import State, keys, stage, survey
from anchorline.authority.passphrase import Passphrase
from anchorline.errors import AuthorityError
from anchorline.spec import Spec, load
from anchorline.spec.model import Key
from tests.operations.site import Site
from tests.preloaded import loaded

PLAIN = keys.write(keys.generate(Key(algo="ecdsa", size=256)))
LOCKED = keys.write(keys.generate(Key(algo="ed25519")), "secret")
CERTIFICATE_AS_KEY = b"-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n"
NONE = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "garbage": (b"\0\xffnonsense", "no private key in PEM"),
    "a word": (b"ENCRYPTED", "no private key in PEM"),
    "cut short": (PLAIN[:120], "the file ends before the key does"),
    "its middle lost": (PLAIN[:60] + PLAIN[90:], "the private key can't be read"),
    "no base64": (b"-----BEGIN PRIVATE KEY-----\n%%\n-----END PRIVATE KEY-----\n", "the private key can't be read"),
    "another structure": (CERTIFICATE_AS_KEY, "the private key can't be read"),
    "encrypted, cut short": (LOCKED[:150], "the file ends before the key does"),
    "encrypted, its middle lost": (LOCKED[:100] + LOCKED[165:], "the private key can't be read"),
    "encrypted, nothing in it": (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "the private key can't be read",
    ),
}


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_: Passphrase) -> str:
        raise AssertionError("a passphrase was asked for")

    monkeypatch.setattr(Passphrase, "_look", asked)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site.make(tmp_path)
    stage(made.spec, passphrase="").commit()
    return made


def spoil(spec: Spec, name: str, content: bytes) -> Path:
    file = spec.pki / f"{name}-key.pem"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", ["ca", "server"])
@pytest.mark.parametrize(("content", "cause"), NONE.values(), ids=NONE)
def test_it_is_broken(site: Site, name: str, content: bytes, cause: str) -> None:
    file = spoil(site.spec, name, content)
    status = next(each for each in survey(site.spec).statuses if each.name == name)
    assert status.state is State.BROKEN
    assert status.problem is not None
    (problem,) = status.problem.problems
    assert (problem.cause, problem.place.file) == (cause, file)
    assert "restore" in problem.fix
    with pytest.raises(AuthorityError, match=cause):
        stage(site.spec)


@pytest.mark.parametrize("content", [PLAIN, LOCKED], ids=["plain", "encrypted"])
def test_a_whole_key_is_none_of_these(site: Site, content: bytes) -> None:
    """Whether it fits is told when it is needed: here it is another one's."""
    spoil(site.spec, "server", content)
    assert {each.state for each in survey(site.spec).statuses} == {State.OK}


@pytest.mark.parametrize("form", ["traditional", "des3", "pkcs8 v1.5"])
def test_keys_of_older_tools(site: Site, form: str) -> None:
    """As openssl writes them; the headers of RFC 1421 stand in front of what is no DER."""
    key = spoil(site.spec, "server", b"")
    locked = ["-passout", "pass:secret"]
    command = {
        "traditional": ["openssl", "genrsa", "-traditional", "-out", str(key), "2048"],
        "des3": ["openssl", "genrsa", "-traditional", "-aes128", *locked, "-out", str(key), "2048"],
        "pkcs8 v1.5": ["openssl", "genpkey", "-algorithm", "RSA", "-aes256", "-pass", "pass:secret", "-out", str(key)],
    }[form]
    subprocess.run(command, check=True, capture_output=True)
    assert {each.state for each in survey(site.spec).statuses} == {State.OK}


def test_the_fix_of_a_leaf(site: Site) -> None:
    """Restored, it is as it was; or both moved away, and a new pair is made."""
    key = site.spec.pki / "server-key.pem"
    good = key.read_bytes()
    spoil(site.spec, "server", b"garbage")
    with pytest.raises(AuthorityError) as caught:
        stage(site.spec)
    (problem,) = caught.value.problems
    assert problem.fix == "restore the key from a backup, or move it and server.pem away, and a new pair is made"
    key.write_bytes(good)
    assert stage(site.spec).changes == ()
    spoil(site.spec, "server", b"garbage")
    for file in (key, key.with_name("server.pem")):
        file.rename(file.with_suffix(".away"))
    stage(site.spec, passphrase="").commit()
    assert stage(site.spec).pair("server")


def test_the_fix_of_a_ca(site: Site) -> None:
    """Away with it, what stands is deployed still; nothing can be issued until the key is back."""
    spoil(site.spec, "ca", b"garbage")
    with pytest.raises(AuthorityError, match="restore the key from a backup"):
        stage(site.spec)
    (site.spec.pki / "ca-key.pem").unlink()
    assert stage(site.spec).changes == ()


@pytest.mark.parametrize("name", ["ca", "server"])
def test_every_command_says_so(site: Site, name: str) -> None:
    spoil(site.spec, name, b"garbage")
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    shown = loaded("anchorline").run(["pki", "show"], site.folder, environment)
    assert shown.returncode == 1
    assert f"{name}-key.pem: no private key in PEM; restore" in shown.stdout
    assert [line.split()[1] for line in shown.stdout.splitlines() if line.startswith(f"{name} ")] == ["broken"]
    issued = loaded("anchorline").run(["pki", "issue"], site.folder, environment)
    assert (issued.returncode, issued.stdout) == (1, "")
    assert f"{name}-key.pem: no private key in PEM; restore" in issued.stderr


def test_a_deploy_is_refused(site: Site) -> None:
    site.new("registry", "web")
    spoil(site.spec, "server", b"garbage")
    refused = site.deploy()
    assert refused.code == 1
    assert "server-key.pem: no private key in PEM" in " ".join(refused.said.split())
    assert "Traceback" not in refused.said
    assert all(len(told) <= 1 for told in refused.commands.values()), "the probe, and nothing after it"


def test_somebody_elses_key(site: Site) -> None:
    pki = site.spec.pki
    text = (site.folder / "anchorline.yml").read_text()
    entry = f"{{certificate: {pki}/server.pem, key: {pki}/server-key.pem}}"
    (site.folder / "anchorline.yml").write_text(
        text.replace("{CN: registry.example.com, hosts: [registry.example.com]}", entry)
    )
    spec = load(site.folder / "anchorline.yml")
    assert {each.state for each in survey(spec).statuses} == {State.OK}
    (pki / "server-key.pem").write_bytes(LOCKED[:150])
    status = next(each for each in survey(spec).statuses if each.name == "server")
    assert status.state is State.BROKEN
    assert "the file ends before the key does" in status.reason
