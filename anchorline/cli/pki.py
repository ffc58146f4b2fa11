"""``anchorline pki``: look at a site's CA and certificates, issue what is missing, hand out what is public."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from anchorline.authority import disk, generations
from anchorline.authority.adopt import adopt as take_over
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.custody import reencrypt
from anchorline.authority.export import FORMS, exported, require_known
from anchorline.authority.layout import CA
from anchorline.authority.passphrase import NEW, Passphrase, prompt
from anchorline.authority.plan import TO_ISSUE, State
from anchorline.authority.stage import Staged, stage
from anchorline.authority.survey import survey
from anchorline.characters import visible
from anchorline.cli.base import Group, names_to_export, names_to_issue, spec_option
from anchorline.cli.show import as_data, draw
from anchorline.commands import anchorline, pyinfra
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec import Spec, load

FOR_HOSTS = ("script", "cloud-init", "kubernetes", "trust-manager")
"""The forms of ``pki export`` for hosts that nobody reaches over SSH."""


@click.group(cls=Group, example="anchorline pki show --spec staging.yml")
def pki() -> None:
    """The CA and the certificates of a site."""


@pki.command(example="anchorline pki show --format json")
@spec_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def show(spec_file: Path, form: str) -> None:
    """Say how the CA and each certificate stand, and where a rotation does. Needs no key and changes nothing.

    As JSON with all that was ever issued.

    Exit code 0: a deploy can go on from here. 1: it would refuse.
    """
    found = survey(load(spec_file))
    if form == "json":
        click.echo(json.dumps(as_data(found), indent=2))
    else:
        draw(found)
    sys.exit(1 if any(status.problem for status in found.statuses) else 0)


@pki.command(example="anchorline pki issue server")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=names_to_issue)
@spec_option
def issue(names: tuple[str, ...], spec_file: Path) -> None:
    """Issue what is missing, differs from the spec, ends soon or has ended; of the certificates named, or of all.

    Makes the CA as well where the site has none. Unlike a deploy it doesn't see the fleet, so it can't know whether
    hosts trust a CA of this site already.
    """
    spec = load(spec_file)
    for name in names:
        _require_ours(spec, name)
    _commit(stage(spec, only=names or None))


@pki.command(example="anchorline pki renew server")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=names_to_issue)
@spec_option
def renew(names: tuple[str, ...], spec_file: Path) -> None:
    """Issue certificates again, with the keys that they have, whatever their state. The old pair is kept in previous/.

    The next deploy brings them to the registry.
    """
    _reissue(spec_file, names, rekey=False)


@pki.command(example="anchorline pki rekey server")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=names_to_issue)
@spec_option
def rekey(names: tuple[str, ...], spec_file: Path) -> None:
    """Issue certificates again, with new keys, whatever their state. The old pair is kept in previous/.

    The next deploy brings them to the registry.
    """
    _reissue(spec_file, names, rekey=True)


def _reissue(spec_file: Path, names: tuple[str, ...], *, rekey: bool) -> None:
    spec = load(spec_file)
    for name in names:
        if name == CA:
            instead = anchorline("pki rotate", spec_file)
            raise AuthorityError("a CA isn't issued again: hosts know it by its content", instead)
        _require_ours(spec, name)
    _commit(stage(spec, only=names, asked=dict.fromkeys(names, rekey)))


@pki.command(example="anchorline pki rotate")
@spec_option
def rotate(spec_file: Path) -> None:
    """Make the next CA, beside the present one: a new key, a new name. No host is touched.

    The next deploy makes hosts trust both, and the next one is promoted once every host of the inventory has been
    seen to trust it. `anchorline pki show` tells how far it is.
    """
    spec = load(spec_file)
    _commit(generations.rotate(spec))
    click.echo(f"The next deploy makes every host trust it: {pyinfra('deploy.py', spec_file)}")


@pki.command("passphrase", example="anchorline pki passphrase")
@spec_option
@click.option("--remove", is_flag=True, help="Write the keys without one.")
def change_passphrase(spec_file: Path, remove: bool) -> None:
    """Write all keys of the site anew under another passphrase: those of all generations, all or none.

    The present one comes from ANCHORLINE_PASSPHRASE, from the file in ANCHORLINE_PASSPHRASE_FILE, from the command in
    ANCHORLINE_PASSPHRASE_COMMAND, or is asked for at a terminal; the new one in the same ways, as
    ANCHORLINE_NEW_PASSPHRASE.
    """
    spec = load(spec_file)
    new = None if remove else Passphrase(variable=NEW).get() or _ask_twice()
    for file in reencrypt(spec, Passphrase(), new):
        click.echo(f"{file}: {'encrypted' if new else 'not encrypted'}")


def _ask_twice() -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise PassphraseError("which passphrase?", f"set {NEW}, {NEW}_FILE or {NEW}_COMMAND, or give --remove")
    first, second = prompt("New passphrase: "), prompt("Once more: ")
    if not first or first != second:
        raise PassphraseError("they differ, or there is none; nothing was changed")
    return first


@pki.command(example="anchorline pki adopt ../cfssl")
@click.argument("folder", type=click.Path(path_type=Path))
@spec_option
def adopt(folder: Path, spec_file: Path) -> None:
    """Take over the CA in FOLDER, made by cfssl, easy-rsa or openssl, with its key and what it issued by this spec.

    Keys are found by their certificates, whatever the files are called. FOLDER stays as it is.
    """
    spec = load(spec_file)
    adopted = take_over(spec, folder)
    for taken in adopted.taken:
        what = f"{name_of(taken.certificate)}, from {taken.file}, with its key from {taken.key_file}"
        click.echo(f"{taken.name}: {visible(what)}")
        click.echo(f"  SHA-256 {fingerprint(taken.certificate)}")
    for problem in adopted.unread:
        click.echo(f"Passed over: {visible(str(problem))}")
    click.echo(f"{folder} is unchanged and still holds the CA's key: keep it as a backup, or destroy it.")
    click.echo("The next deploy does:")
    for status in survey(spec).statuses:
        issues = status.name in spec.requests and status.state in TO_ISSUE
        why = f" ({status.reason})" if status.reason else ""
        click.echo(f"  {status.name}: {'issue it' if issues else 'use it as it is'}{why}")


@pki.command(example="anchorline pki export --as script -o trust.sh")
@click.argument("name", required=False, shell_complete=names_to_export)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file, in place of standard output.")
@click.option("--as", "form", type=click.Choice([*FORMS, *FOR_HOSTS]), default="pem", help="How to write it.")
@click.option("--image", help="With --as kubernetes: what starts the script on a node; by default busybox.")
@spec_option
def export(name: str | None, output: Path | None, form: str, image: str | None, spec_file: Path) -> None:
    """Hand out the CA's certificate, or that of NAME with its chain. Never a private key.

    pem: the certificate, and what a server sends after it. der: the certificate alone, binary. bundle: with the root at
    the end; without NAME every CA that hosts of this site trust.

    For hosts that nobody reaches over SSH, what a rollout would do there. script: POSIX shell, for root (`sudo sh
    trust.sh`). cloud-init: a part of a machine's user data. kubernetes: a ConfigMap, and a DaemonSet for the nodes.
    trust-manager: a Bundle for the pods.
    """
    if form in FOR_HOSTS and name is not None:
        raise AuthorityError(f"--as {form} is for the whole site", f"leave {name} out")
    if image is not None and form != "kubernetes":
        raise AuthorityError("--image is for --as kubernetes")
    spec = load(spec_file)
    content = _for_hosts(spec, form, image) if form in FOR_HOSTS else exported(spec, name, form)
    if output is not None:
        disk.create(output, content)
    elif form == "der" and sys.stdout.isatty():
        raise AuthorityError("der is binary, and this is a terminal", "add -o FILE")
    else:
        click.echo(content, nl=False)


def _for_hosts(spec: Spec, form: str, image: str | None) -> bytes:
    from anchorline.trust import export as forms  # loads pyinfra, which no other command needs

    wanted = forms.wanted_of(spec)
    match form:
        case "script":
            text = forms.as_script(wanted)
        case "cloud-init":
            text = forms.as_cloud_init(wanted)
        case "kubernetes":
            text = forms.as_kubernetes(wanted, image or forms.IMAGE)
        case _:
            text = forms.as_trust_manager(wanted)
    return text.encode()


def _commit(staged: Staged) -> None:
    staged.commit()
    if staged.is_new_ca and staged.ca is not None:
        click.echo(f"Made a new CA, which no host trusts yet: {visible(name_of(staged.ca))}")
        click.echo(f"  SHA-256 {staged.fingerprint}")
        click.echo(
            f"  Its key is {staged.folder / 'ca-key.pem'}. Keep a backup: a lost key means a new CA on every host."
        )
    for change in staged.changes:
        if change.name != CA or change.state is State.UNFINISHED:
            click.echo(f"{change.file}: {change.state}: {visible(change.reason)}")
    if not staged.changes:
        click.echo("Nothing to issue.")


def _require_ours(spec: Spec, name: str) -> None:
    require_known(spec, name)
    if existing := spec.external.get(name):
        file = spec.path(existing.certificate)
        raise AuthorityError(
            f"{name!r}: somebody else issued it, and nothing here can", f"put the next one into {file}"
        )
