"""What lies where in a site's folder below pki/: cfssljson's names, the generations' folders, and the ``.gitignore``
that keeps keys out of git as long as one of them isn't encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from anchorline.authority import keys

CA = "ca"
NEXT, PREVIOUS, RETIRED = "next", "previous", "retired"
NEXT_CA, PREVIOUS_CA = f"{NEXT}/{CA}", f"{PREVIOUS}/{CA}"
JOURNAL, LEDGER = "issued.jsonl", "sightings.jsonl"
IGNORE = ".gitignore"
IGNORED = b"# anchorline keeps this file while a key here isn't encrypted\n*-key.pem\n"


def certificate_file(name: str) -> str:
    """cfssljson's name for a certificate."""
    return f"{name}.pem"


def key_file(name: str) -> str:
    """cfssljson's name for a key."""
    return f"{name}-key.pem"


def request_file(name: str) -> str:
    """cfssljson's name for a signing request."""
    return f"{name}.csr"


def der_file(name: str) -> str:
    """The DER form that a CA has beside it, as ``openssl x509 -outform der`` gives it."""
    return f"{name}.crt"


def is_ca(name: str) -> bool:
    """Whether this is the name of a CA, in whatever generation."""
    return name.rpartition("/")[2] == CA


def files_of(name: str) -> tuple[str, ...]:
    """All files that belong to a certificate or a CA."""
    files = (key_file(name), certificate_file(name), request_file(name))
    return (*files, der_file(name)) if is_ca(name) else files


def is_key(file: str) -> bool:
    """Whether a file of this name holds a private key."""
    return file.endswith("-key.pem")


def gitignore(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a commit of ``files`` changes in it: written, or empty where it goes. One that somebody else wrote stays."""
    written = {file: content for file, content in files.items() if content and is_key(file)}
    if not written:
        return {}
    there = None
    with suppress(FileNotFoundError):
        there = (folder / IGNORE).read_bytes()
    plain = not all(map(keys.encrypted, written.values())) or any(
        not keys.encrypted((folder / file).read_bytes()) for file in key_files(folder) if file not in files
    )
    if plain:
        return {IGNORE: IGNORED} if there is None else {}
    return {IGNORE: b""} if there == IGNORED else {}


def key_files(folder: Path) -> list[str]:
    """Every key of a site, in its place, by its path in the folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.pem") if is_key(path.name) and path.is_file())
    return sorted(path.as_posix() for path in paths if not path.parts[0].startswith("."))
