"""``anchorline upgrade``: a site's own deploy.py and config.py, brought up to this version."""

from __future__ import annotations

from pathlib import Path

import click

from anchorline.cli.base import Command
from anchorline.init.upgrade import plan, write


@click.command(cls=Command, example="anchorline upgrade production")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
def upgrade(folder: Path) -> None:
    """Bring the deploy.py and the config.py of the site in DIR up to this version. Touches nothing else.

    What nobody has edited is replaced. In an edited file the names that have changed are written anew, and the file as
    it was is kept beside it, as deploy.py.before.
    """
    upgrades = plan(folder)
    if not upgrades:
        click.echo(f"{click.format_filename(folder)}: up to date, nothing to change")
    for each in upgrades:
        file, kept = click.format_filename(each.file), click.format_filename(each.kept)
        write(each)
        for line in each.said:
            click.echo(f"{file}: {line}")
        if each.edited:
            click.echo(f"{file}: as it was, it is {kept}")
