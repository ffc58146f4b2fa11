"""What commands say and leave behind, as lines that two runs have in common: what no two runs share is masked."""

from __future__ import annotations

import difflib
import io
import json
import re
import tarfile
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from lab import Lab
from tests.fleet.conftest import Site

Lines = Sequence[str]
FEW = 60
"""Lines of a file that are kept as they are; of a longer one the digest is."""

ROOTS = "etc usr/local/share/ca-certificates var/lib/anchorline run/anchorline"
# all paths; then what has been changed since the stamp, which is a tar. What was pushed is left out
HOLDINGS = """
cd {top}
for each in {roots}; do
    [ ! -e "$each" ] || find "$each" -path '*/docker/registry' -prune -o -printf '%y %m %u:%g %p %l\\n'
done
echo @
for each in {roots}; do
    [ ! -e "$each" ] || find "$each" -path '*/docker/registry' -prune -o -type f -cnewer {stamp} -print0
done | tar -c --null -T - 2>/dev/null | base64
"""
STAMP = "/root/begun"
CONTAINERS = "! command -v docker >/dev/null || docker ps -aq | xargs -r docker inspect"

PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----([^-]+)-----END \1-----\n?")
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "<duration>"),
    (re.compile(r"\b\d+(\.\d+)? [KMGT]iB\b"), "<size>"),
    (re.compile(r"(KiB free: |\"(?:clock|free)\": )[-\d.]+"), r"\1<number>"),
    (re.compile(r"((?:timestamp|offset)_seconds|free_bytes)(\{.*\}) [-\d.e]+"), r"\1\2 <number>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} \d+\b"), "<boot and ticks>"),
    (re.compile(r"(\[\S+\]) +(Success|No changes)$", re.MULTILINE), r"[a host]  \2"),  # any one does what is done once
    (re.compile(r"\b1 \(\S+\) "), "1 (a host) "),
    (re.compile(r"verify; verify"), "verify"),  # in a plan whoever asks first would push
    (re.compile(r"  +"), "  "),  # what is masked may have had another width
)
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
MADE_ONCE = re.compile(r"/registry/(secret|config\.yml)$|/keystores$")
OF_THE_LEAF = re.compile(r"/registry/started$|/verified$")
"""Files with digests of what a host or a keystore's tool makes; and of the leaf, which two runs share at first."""


class Masks:
    """The words for what differs between two runs of the same commands, such as the digest of the next CA.

    Parameters
    ----------
    renamed : mapping from pattern to word
        What has another name in the other run.
    """

    def __init__(self, renamed: Mapping[str, str]) -> None:
        self.renamed = renamed
        self.words: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def learn(self, pki: Path) -> None:
        """The certificates that are there. CAs and leaves are counted in the order in which they came to be."""
        for file in sorted(pki.rglob("*.pem"), key=lambda each: each.stat().st_mtime):
            if not file.name.endswith("-key.pem"):
                self._name(x509.load_pem_x509_certificate(file.read_bytes()), "ca" if file.name == "ca.pem" else "leaf")

    def _name(self, certificate: x509.Certificate, kind: str) -> None:
        digest = certificate.fingerprint(SHA256()).hex()
        if digest in self.names:
            return
        number = sum(name.startswith(f"<{kind}") for name in self.names.values()) + 1
        self.names[digest] = name = f"<{kind} {number}>"
        colons = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
        serial = f"{certificate.serial_number:x}"
        self.words |= {digest: name, colons: name, digest[:12]: f"{name[:-1]}, short>", serial: f"{name[:-1]}, serial>"}

    def ca(self, number: int) -> str:
        """The SHA-256 of a CA."""
        return next((digest for digest, name in self.names.items() if name == f"<ca {number}>"), "")

    def word(self, text: str, word: str) -> None:
        """Mask a text by a word of one's own."""
        self.words[text] = word

    def text(self, text: str) -> str:
        """A text with all that differs masked."""
        text = PEM.sub(_pem, text)
        for each in sorted(self.words, key=len, reverse=True):
            text = text.replace(each, self.words[each])
        for name, word in self.renamed.items():
            text = re.sub(name, word, text)
        for pattern, word in VARYING:
            text = pattern.sub(word, text)
        return text

    def file(self, path: str, content: bytes) -> Lines:
        """A file's content as lines."""
        try:
            text = self.text(content.decode())
        except UnicodeDecodeError:
            return ["binary"]  # keystores, which have times in them
        if MADE_ONCE.search(path) or (OF_THE_LEAF.search(path) and self.ca(2)):
            text = DIGEST.sub("<digest>", text)
        lines = text.splitlines()
        if len(lines) > FEW:
            # a bundle's order is that of its files' names, which have digests in them
            return [f"{len(lines)} lines, {sha256(chr(10).join(sorted(lines)).encode()).hexdigest()}"]
        return lines


def _pem(found: re.Match[str]) -> str:
    """A certificate by its SHA-256; of what else there is, its kind."""
    kind = found[1]
    if not kind.endswith("CERTIFICATE"):
        return f"<{kind.lower()}>\n"
    der = b64decode(found[2])
    # what OpenSSL calls a trusted one has more after the certificate
    return f"{kind.lower()} {sha256(der[: 4 + int.from_bytes(der[2:4])]).hexdigest()}\n"


def stamp(lab: Lab, hosts: Iterable[str]) -> None:
    """From now on what is changed on hosts counts."""
    for host in hosts:
        assert lab.exec(host, f"touch {STAMP}; sleep 0.1").returncode == 0


def of_hosts(site: Site, masks: Masks) -> Mapping[str, Lines]:
    """What each host holds: its files, and its containers."""
    script = f"{HOLDINGS.format(top='/', roots=ROOTS, stamp=STAMP)}echo @\n{CONTAINERS}\n"
    with ThreadPoolExecutor() as pool:
        done = [*pool.map(lambda host: site.lab.exec(host, script), site.hosts)]
    found: dict[str, Lines] = {}
    for host, each in zip(site.hosts, done, strict=True):
        assert each.returncode == 0, each.stderr
        paths, archive, containers = each.stdout.split("@\n")
        found[host] = [*_files(paths, archive, masks), *_containers(containers, masks)]
    return found


def of_folder(site: Site, since: Path, masks: Masks) -> Lines:
    """What the site's folder holds."""
    script = HOLDINGS.format(top=site.folder, roots=". ", stamp=since)
    paths, archive = site.lab.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split("@\n")
    return _files(paths, archive, masks)


def _files(paths: str, archive: str, masks: Masks) -> Lines:
    lines = sorted(masks.text(paths).splitlines())
    with tarfile.open(fileobj=io.BytesIO(b64decode(archive))) as contents:
        for member in sorted(contents, key=lambda each: masks.text(each.name)):
            file = contents.extractfile(member)
            assert file
            lines += [f"{masks.text(member.name)}: {line}" for line in masks.file(member.name, file.read())]
    return lines


def _containers(said: str, masks: Masks) -> Lines:
    lines = []
    for each in json.loads(said or "[]"):
        kept = {
            "name": each["Name"],
            "state": each["State"]["Status"],
            **{key: each["Config"][key] for key in ("Image", "Cmd", "Entrypoint", "Labels", "ExposedPorts")},
            **{key: each["HostConfig"][key] for key in ("PortBindings", "RestartPolicy")},
            "Env": sorted(each["Config"]["Env"]),  # Docker keeps no order
            "Mounts": sorted(each["Mounts"], key=lambda mount: str(mount["Destination"])),
        }
        lines += [f"container{each['Name']} {key}: {json.dumps(value, sort_keys=True)}" for key, value in kept.items()]
    return masks.text("\n".join(lines)).splitlines()


def differences(old: Mapping[str, Lines], new: Mapping[str, Lines]) -> list[str]:
    """Each line that one of them has and the other has not, after the name of the record that it stands in."""
    found = [f"{name}: stands in one of them alone" for name in sorted(old.keys() ^ new.keys())]
    for name in (each for each in old if each in new):
        changes = [*difflib.unified_diff(old[name], new[name], n=0, lineterm="")][2:]  # without the names of two files
        found += [f"{name}: {each[0]} {each[1:]}" for each in changes if each[0] in "+-"]
    return found
