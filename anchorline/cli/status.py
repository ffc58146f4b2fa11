"""``anchorline status``: the one command that looks at hosts, a run of pyinfra with the step ``report.status``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from anchorline.cli.base import Command, SpecPath
from anchorline.commands import INVENTORY
from anchorline.errors import AnchorlineError
from anchorline.report.forms import FORMS, form_of, require_writable

COULD_NOT_TELL = 2


@click.command(cls=Command, example="anchorline status --format html -o fleet.html")
@click.argument("inventory", default=INVENTORY)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYINFRA_OPTIONS]")
@click.option(
    "--format", "form", type=click.Choice([*FORMS]), help="How to write it; by default as FILE's suffix says."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="In place of standard output.")
@click.option("--limit", multiple=True, metavar="HOST", help="These hosts or groups alone.")
@click.option("--spec", type=SpecPath(), help="The spec (anchorline.yml).")
def status(
    inventory: str,
    options: tuple[str, ...],
    form: str | None,
    output: Path | None,
    limit: tuple[str, ...],
    spec: Path | None,
) -> NoReturn:
    """Say for every host of INVENTORY how it stands, and what to do. Changes nothing, and needs no key.

    What each store trusts, what the registry serves to each host, clocks, processes with old roots, what differs from
    the spec; where a rotation stands; what the registry holds. One question to each host.

    What stands after -- is for pyinfra, such as --sudo.

    Exit code 0: all as declared. 1: something isn't. 2: not all could be told; a host was unreachable, say.
    """
    if inventory.startswith("-"):  # what stands after --, and no inventory before it
        inventory, options = INVENTORY, (inventory, *options)
    if not Path("config.py").is_file():
        click.echo("there is no config.py here: go to the folder of a site; `anchorline init` makes one", err=True)
        sys.exit(COULD_NOT_TELL)
    try:
        if output:
            _ = form or form_of(output)
            require_writable(output)
    except AnchorlineError as error:
        click.echo(error, err=True)
        sys.exit(COULD_NOT_TELL)
    data = {"spec": spec, "form": form, "report": output}
    words = ["-y", *(word for host in limit for word in ("--limit", host))]
    words += [word for key, value in data.items() if value for word in ("--data", f"{key}={value}")]
    command = [sys.executable, "-m", "pyinfra", *words, *options, inventory, "anchorline.report.status"]
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, "PYINFRA_PROGRESS": "off"})  # noqa: S606 (this program's own step)
