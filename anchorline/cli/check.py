"""``anchorline check``: everything that is wrong with a site, without asking a host. ``anchorline schema``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from anchorline.authority.check import check as check_brought
from anchorline.authority.custody import plain_in_git, unguarded
from anchorline.characters import visible
from anchorline.cli.base import Command, SpecPath
from anchorline.cli.expiry import ending
from anchorline.cli.first_keys import accepted
from anchorline.commands import SPEC
from anchorline.problem import Problem, in_order
from anchorline.spec import check as check_spec
from anchorline.spec.schema import schema as spec_schema
from anchorline.spec.values import parse_duration

Checker = Callable[[Path], Iterable[Problem]]
"""Looks at a site by the path of its spec, and says what is wrong there."""


def _check_spec(path: Path) -> Iterable[Problem]:
    return check_spec(path).problems


def _ending(path: Path, expiry: str) -> Iterable[Problem]:
    try:
        within = parse_duration(expiry)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expiry") from None
    spec = check_spec(path).spec  # without one, its errors are said already
    return ending(spec, within) if spec else ()


def _check_keys(path: Path) -> Iterable[Problem]:
    spec = check_spec(path).spec
    return (*unguarded(spec), *plain_in_git(spec)) if spec else ()


def _check_host_keys(path: Path) -> Iterable[Problem]:
    return accepted(path.parent)


CHECKERS: tuple[Checker, ...] = (_check_spec, _check_keys, check_brought, _check_host_keys)
"""What ``check`` runs, one line each."""


@click.command(cls=Command, example="anchorline check --expiry 30d")
@click.argument("spec", type=SpecPath(), default=SPEC)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--expiry", metavar="TIME", help="Errors for what ends within TIME; asks the registry, too.")
def check(spec: Path, form: str, expiry: str | None) -> None:
    """Say everything that is wrong with SPEC (anchorline.yml) and with the keys in pki/, and touch nothing.

    With --expiry for a nightly pipeline.

    Exit code 0: clean, warnings apart. 1: errors.
    """
    problems = in_order(problem for checker in CHECKERS for problem in checker(spec))
    if expiry is not None:
        problems += tuple(_ending(spec, expiry))
    errors = sum(not problem.warning for problem in problems)
    if form == "json":
        click.echo(json.dumps([_as_data(problem) for problem in problems], indent=2))
    else:
        for problem in problems:
            click.echo(_as_line(problem))
        click.secho(_summary(spec, errors, len(problems) - errors), fg="red" if errors else "green", bold=True)
    sys.exit(1 if errors else 0)


@click.command(cls=Command, example="anchorline schema")
def schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    click.echo(json.dumps(spec_schema(), indent=2))


def _as_data(problem: Problem) -> dict[str, Any]:
    return {
        "file": str(problem.place.file),
        "line": problem.place.line,
        "key": problem.place.key,
        "level": "warning" if problem.warning else "error",
        "code": problem.code,
        "cause": problem.cause,
        "fix": problem.fix,
    }


def _as_line(problem: Problem) -> str:
    # click drops the colours where the output isn't a terminal
    place = click.style(visible(str(problem.place)), fg="yellow" if problem.warning else "red")
    return f"{place}: {visible(problem.message)}"


def _summary(spec: Path, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{spec}: clean"
    count = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{spec}: {', '.join(count)}"
