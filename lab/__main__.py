"""`python -m lab`: bring the lab up and down, look at it, and enter its network."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.table import Table

from lab.errors import LabError
from lab.fleet import Lab


def say(line: str) -> None:
    click.echo(f"lab: {line}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Real hosts on this machine, in a network of their own."""


@cli.command()
@click.option("--fresh", is_flag=True, help="Begin with hosts as they are on their first day.")
@click.option("--rootfs", "tars", multiple=True, metavar="NAME=FILE", help="Add a host made of a tar; repeatable.")
def up(fresh: bool, tars: tuple[str, ...]) -> None:
    """Start every host that isn't running, and wait until all are ready."""
    began = time.monotonic()
    pairs = (each.partition("=") for each in tars)
    Lab.current().up(fresh=fresh, rootfs={name: Path(file) for name, _, file in pairs})
    say(f"up in {time.monotonic() - began:.1f} s")


@cli.command()
def down() -> None:
    """End every host and leave nothing behind but the cached image."""
    Lab.current().down()


@cli.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def status(form: str) -> None:
    """Show the hosts. Exits with 1 unless all of them are running."""
    lab = Lab.current()
    rows = [
        {
            "host": host.name,
            "address": host.address,
            "state": lab.state(host.name),
            "userland": host.userland,
            "runtime": host.runtime.name,
            "plays": host.plays,
        }
        for host in lab.hosts
    ]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        # `plays` names the userland too, and a terminal has 80 columns.
        columns = [name for name in rows[0] if name != "userland"]
        table = Table(*columns, box=None, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(row[name] for name in columns))
        Console().print(table)
    sys.exit(0 if all(row["state"] == "running" for row in rows) else 1)


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run COMMAND of this machine inside the lab's network."""
    argv = Lab.current().command(command)
    # In our place: signals, standard streams and the exit code are the command's own.
    os.execvp(argv[0], argv)


def terminated(number: int, _frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that what was begun is undone."""
    raise SystemExit(128 + number)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="lab: %(message)s")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminated)
    try:
        cli(prog_name="python -m lab")
    except LabError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except (OSError, subprocess.SubprocessError) as error:  # a full disk, a tool that failed where none should
        say(f"{error}: `python -m lab down` clears away what is left")
        sys.exit(1)


main()
