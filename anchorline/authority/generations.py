"""The CA's generations: the next one is made, takes the present one's place, and the previous one is put away.

``rotate`` makes ``next/``; hosts trust it beside the present one. Once every host has been seen to (``sightings.py``),
``promote`` issues every certificate anew under it and puts it into the present one's place, which goes to ``previous/``
and stays trusted. ``retire`` is for when the fleet has been rid of that one.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path

from anchorline.authority import profile
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.layout import CA, NEXT_CA, PREVIOUS_CA, RETIRED, certificate_file, files_of, key_file
from anchorline.authority.maker import Maker
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.plan import State
from anchorline.authority.stage import Change, Staged
from anchorline.authority.survey import Survey, survey
from anchorline.commands import INVENTORY, pyinfra
from anchorline.errors import AuthorityError
from anchorline.problem import Place
from anchorline.spec.model import DeclaredAuthority, Spec


def rotate(spec: Spec, now: datetime | None = None, *, passphrase: str | None = None) -> Staged:
    """The next CA, in memory: a key and a name of its own, by the spec as it is now.

    Raises AuthorityError where there is no CA of ours, or a rotation stands already; PassphraseError where the site's
    keys are encrypted and this isn't their passphrase.
    """
    found, secret = survey(spec, now), Passphrase(passphrase)
    authority = found.authority
    if authority is None or not isinstance(spec.authority, DeclaredAuthority):
        raise AuthorityError(
            f"{spec.site}: this CA isn't made here",
            "give hosts the next one as well (`trust: {also: [FILE]}`), deploy, then change "
            "`authority: {certificate, key}` to it, and deploy again",
        )
    if NEXT_CA in found.generations:
        raise AuthorityError(
            "a rotation stands already", "a deploy goes on with it", Place(found.store.path(certificate_file(NEXT_CA)))
        )
    if previous := found.generations.get(PREVIOUS_CA):
        raise AuthorityError(
            f"the last rotation isn't over, hosts trust {name_of(previous.root)} still",
            withdrawal(fingerprint(previous.root), spec.file),
            Place(found.store.path(certificate_file(PREVIOUS_CA))),
        )
    if authority.state not in (State.OK, State.CHANGED, State.EXPIRED) or found.chain is None:
        raise authority.problem or AuthorityError(
            f"{authority.reason}; there is nothing to rotate", where=Place(authority.file)
        )
    _require_passphrase(found, secret)
    generation = profile.generation(spec.authority, found.chain.root)
    return Staged(found, {NEXT_CA: Maker(found, secret).make_authority(generation + 1)}, secret)


def promote(spec: Spec, now: datetime | None = None, *, passphrase: str | None = None) -> Staged:
    """The next CA in the present one's place, with every certificate issued by it; in memory.

    Raises AuthorityError where no rotation stands, or the next CA's key isn't here.
    """
    found, secret = survey(spec, now), Passphrase(passphrase)
    found.require_usable()
    if NEXT_CA not in found.generations:
        raise AuthorityError("no rotation stands", where=Place(spec.pki))
    promoted = found.promoted()
    made = Maker(promoted, secret).make(promoted.certificates)
    moves: dict[str, bytes] = {}
    for old, present, new in zip(files_of(PREVIOUS_CA), files_of(CA), files_of(NEXT_CA), strict=True):
        if found.contents.has(present):
            moves[old] = found.store.read(present)
        if found.contents.has(new):
            moves[present], moves[new] = found.store.read(new), b""
    if key_file(CA) not in moves:
        raise AuthorityError(
            "the next CA's key isn't here",
            "restore it, or deploy where it is",
            Place(found.store.path(key_file(NEXT_CA))),
        )
    key = moves.get(key_file(PREVIOUS_CA))
    replaces = {key_file(CA): sha256(key).hexdigest()} if key else {}
    why = "every host has been seen to trust it"
    return Staged(promoted, made, secret, moves, replaces, Change(CA, State.ROTATED, why, spec.pki / NEXT_CA))


def retire(spec: Spec, digest: str) -> None:
    """Put the previous CA away, where it is the one with this SHA-256: no deploy makes hosts trust it any more.

    Its files are kept in ``retired/``.
    """
    found = survey(spec)
    if problem := next((each.problem for each in found.other_generations if each.problem), None):
        raise problem
    previous = found.generations.get(PREVIOUS_CA)
    if previous is None or fingerprint(previous.root) != digest:
        return
    there = [file for file in files_of(PREVIOUS_CA) if found.contents.has(file)]
    moved = {f"{RETIRED}/{digest[:12]}/{file.rpartition('/')[2]}": found.store.read(file) for file in there}
    found.store.commit(moved | dict.fromkeys(there, b""), found.contents, found.names)


def withdrawal(digest: str, spec: Path, inventory: str = INVENTORY) -> str:
    """The command that takes a CA away from every host."""
    return pyinfra(f"anchorline.trust.withdraw --data ca={digest[:12]}", spec, inventory=inventory)


def _require_passphrase(found: Survey, passphrase: Passphrase) -> None:
    """The next key is kept as the other_generations are: encrypted under the same passphrase, or not."""
    for name in (CA, *found.spec.certificates):
        if found.contents.has(key_file(name)):
            pem = found.store.read(key_file(name))
            passphrase.read(pem, found.store.path(key_file(name)))
            return
