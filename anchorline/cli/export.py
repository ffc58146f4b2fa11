"""``anchorline pki``: the commands of the authority, and ``export``, which knows what hosts are told besides."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from anchorline.cli.base import names_to_export, spec_option
from anchorline.cli.pki import FORMS, exported, pki, write_new
from anchorline.errors import AuthorityError
from anchorline.spec import Spec, load

__all__ = ["pki"]

FOR_HOSTS = ("script", "cloud-init", "kubernetes", "trust-manager")
"""The forms of ``pki export`` for hosts that nobody reaches over SSH."""


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
        raise AuthorityError(f"--as {form} is for the whole site: leave {name} out")
    if image is not None and form != "kubernetes":
        raise AuthorityError("--image is for --as kubernetes")
    spec = load(spec_file)
    content = _for_hosts(spec, form, image) if form in FOR_HOSTS else exported(spec, name, form)
    if output is not None:
        write_new(output, content)
    elif form == "der" and sys.stdout.isatty():
        raise AuthorityError("der is binary, and this is a terminal; add -o FILE")
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
