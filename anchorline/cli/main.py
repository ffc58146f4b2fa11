"""The command line, ``anchorline``: what of it has to be loaded for the one command that was typed."""

from __future__ import annotations

import sys
from typing import NoReturn

import click
from click.shell_completion import get_completion_class

from anchorline import __version__
from anchorline.characters import take_all, visible_lines
from anchorline.cli.base import Group
from anchorline.errors import AnchorlineError

NAME, VARIABLE = "anchorline", "_ANCHORLINE_COMPLETE"
"""Of the program, and of what a shell's completion sets when it asks."""
COMMANDS = {
    "check": "anchorline.cli.check",
    "host-keys": "anchorline.cli.host_keys",
    "init": "anchorline.cli.init",
    "pki": "anchorline.cli.pki",
    "schema": "anchorline.cli.check",
    "status": "anchorline.cli.status",
    "upgrade": "anchorline.cli.upgrade",
}
"""The module of each command, which has it under its name, ``_`` for ``-``: loaded when it is asked for, since most of
the time that a command takes is what the others would load."""


@click.group(
    cls=Group,
    later=COMMANDS,
    example="anchorline init production",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=NAME)
def cli() -> None:
    """A private container registry that a whole fleet trusts, from one YAML file.

    The deployment itself is pyinfra's: pyinfra inventory deploy.py
    """


COMPLETIONS = {
    "bash": "anchorline completion bash >~/.anchorline.bash && echo '. ~/.anchorline.bash' >>~/.bashrc",
    "zsh": "anchorline completion zsh >~/.anchorline.zsh && echo '. ~/.anchorline.zsh' >>~/.zshrc",
    "fish": "anchorline completion fish >~/.config/fish/completions/anchorline.fish",
}
"""How to install each shell's script. In ~/.zshrc it stands below compinit."""


@cli.command(example="anchorline completion bash")
@click.argument("shell", type=click.Choice(list(COMPLETIONS)))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options, specs and the names of certificates.

    Its last line says how to install it.
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 (Choice has let through what click knows)
    click.echo(f"{made(cli, {}, NAME, VARIABLE).source().strip()}\n\n# to install it: {COMPLETIONS[shell]}")


def main() -> NoReturn:
    """Run the command line. A user's error is its text on standard error and exit code 1, without a traceback."""
    take_all(sys.stdout, sys.stderr)
    try:
        sys.exit(cli(prog_name=NAME, complete_var=VARIABLE))
    except AnchorlineError as error:
        # names in certificates, paths and what a program said come from others
        click.echo(visible_lines(str(error)), err=True)
        sys.exit(1)
