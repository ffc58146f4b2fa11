"""The command line of what has no host: ``anchorline init | check | schema | pki | completion``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import get_completion_class

from anchorline import __version__
from anchorline.authority.cli import FORMS, exported, pki, write_new
from anchorline.command import SPEC, Group, SpecPath, names_to_export, spec_option
from anchorline.errors import AnchorlineError, AuthorityError, Problem
from anchorline.init.cli import init
from anchorline.report.cli import status
from anchorline.spec import Spec, load

NAME, VARIABLE = "anchorline", "_ANCHORLINE_COMPLETE"
"""Of the program, and of what a shell's completion sets when it asks."""

Checker = Callable[[Path], Iterable[Problem]]
"""Looks at a site by the path of its spec, and says what is wrong there."""


@click.group(cls=Group, example="anchorline init production", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
def cli() -> None:
    """A private container registry that a whole fleet trusts, from one YAML file.

    The deployment itself is pyinfra's: pyinfra inventory deploy.py
    """


cli.add_command(init)
cli.add_command(pki)
cli.add_command(status)


def _check_spec(path: Path) -> Iterable[Problem]:
    from anchorline.spec import check  # loads pydantic, which --help doesn't need

    return check(path).problems


def _ending(path: Path, expiry: str) -> Iterable[Problem]:
    from anchorline.authority.expiry import ending
    from anchorline.spec import check
    from anchorline.spec.values import parse_duration

    try:
        within = parse_duration(expiry)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expiry") from None
    spec = check(path).spec  # without one, its errors are said already
    return ending(spec, within) if spec else ()


def _check_keys(path: Path) -> Iterable[Problem]:
    from anchorline.authority.custody import plain_in_git
    from anchorline.spec import check

    spec = check(path).spec
    return plain_in_git(spec) if spec else ()


def _check_brought(path: Path) -> Iterable[Problem]:
    from anchorline.authority.check import check

    return check(path)


CHECKERS: tuple[Checker, ...] = (_check_spec, _check_keys, _check_brought)
"""What ``check`` runs, one line each."""


@cli.command(example="anchorline check --expiry 30d")
@click.argument("spec", type=SpecPath(), default=SPEC)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--expiry", metavar="TIME", help="Errors for what ends within TIME; asks the registry, too.")
def check(spec: Path, form: str, expiry: str | None) -> None:
    """Say everything that is wrong with SPEC (anchorline.yml) and with the keys in pki/, and touch nothing.

    With --expiry for a nightly pipeline.

    Exit code 0: clean, warnings apart. 1: errors.
    """
    problems = sorted(problem for checker in CHECKERS for problem in checker(spec))
    if expiry is not None:
        problems += _ending(spec, expiry)
    errors = sum(not problem.warning for problem in problems)
    if form == "json":
        click.echo(json.dumps([_as_data(problem) for problem in problems], indent=2))
    else:
        for problem in problems:
            click.echo(_as_line(problem))
        click.secho(_summary(spec, errors, len(problems) - errors), fg="red" if errors else "green", bold=True)
    sys.exit(1 if errors else 0)


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


@cli.command(example="anchorline schema")
def schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    from anchorline.spec.schema import schema as spec_schema

    click.echo(json.dumps(spec_schema(), indent=2))


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


def _as_data(problem: Problem) -> dict[str, Any]:
    return {
        "file": str(problem.place.file),
        "line": problem.place.line,
        "key": problem.place.key,
        "level": "warning" if problem.warning else "error",
        "code": problem.code,
        "what": problem.what,
        "mend": problem.mend,
    }


def _as_line(problem: Problem) -> str:
    # click drops the colours where the output isn't a terminal
    place = str(problem.place)
    return click.style(place, fg="yellow" if problem.warning else "red") + str(problem).removeprefix(place)


def _summary(spec: Path, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{spec}: clean"
    count = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{spec}: {', '.join(count)}"


def main() -> NoReturn:
    """Run the command line. A user's error is its text on standard error and exit code 1, without a traceback."""
    try:
        sys.exit(cli(prog_name=NAME, complete_var=VARIABLE))
    except AnchorlineError as error:
        click.echo(error, err=True)
        sys.exit(1)
