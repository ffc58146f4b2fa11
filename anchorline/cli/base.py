"""What the commands of ``anchorline`` share: an example each, the nearest word for a mistyped one, and what a shell's
completion is told of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from anchorline.commands import SPEC


class _Ours(click.Command):
    """``example`` is a command line that ends the help. There is no command without one."""

    def __init__(self, *args: Any, example: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from anchorline.spec.words import meant

            known = [name for each in self.get_params(ctx) if isinstance(each, click.Option) for name in each.opts]
            what = f"{error.option_name!r}: unknown option; {meant(error.option_name, known)}"
            raise click.UsageError(what, error.ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's)
        with formatter.section("Example"):
            formatter.write(f"{' ' * formatter.current_indent}{self.example}\n")


class Command(_Ours):
    """A command of ours."""


class Group(_Ours, click.Group):
    """A group whose commands are ours as well. ``later`` has the modules of those that are loaded when they are asked
    for, by their names, which they bear there too, with ``_`` for ``-``."""

    command_class = Command

    def __init__(self, *args: Any, later: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.later = later or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.later, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if module := self.later.get(cmd_name):
            found: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
            return found
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        # what looks like an option is click's to refuse, and completion isn't told of errors
        if not (name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name)):
            from anchorline.spec.words import meant

            raise click.UsageError(f"{name!r}: unknown command; {meant(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


Group.group_class = Group


class SpecPath(click.Path):
    """The path of a spec. A shell completes it with YAML files, and where none begins so, as any file."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        folder, slash, begin = incomplete.rpartition("/")
        try:
            names = sorted(each.name for each in Path(folder + slash).iterdir() if each.suffix in (".yml", ".yaml"))
        except OSError:
            names = []
        found = [CompletionItem(f"{folder}{slash}{name}") for name in names if name.startswith(begin)]
        return found or super().shell_complete(ctx, param, incomplete)


spec_option = click.option("--spec", "spec_file", type=SpecPath(), default=Path(SPEC), help=f"The spec ({SPEC}).")


def names_to_issue(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The certificates of the spec that a site issues itself, without those that are typed already."""
    return _beginning(incomplete, _declared(ctx, external=False), ctx.params.get(param.name or "") or ())


def names_to_export(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """All certificates of the spec, and the CA."""
    return _beginning(incomplete, ["ca", *_declared(ctx, external=True)], ())


def _beginning(incomplete: str, names: Iterable[str], typed: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and name not in set(typed)]


def _declared(ctx: click.Context, *, external: bool) -> list[str]:
    """As the file says, whatever else is wrong with it: completion isn't the place to complain."""
    from anchorline.spec.source import read  # loads pydantic, which most of a command line can do without

    document, _ = read(ctx.params.get("spec_file") or Path(SPEC))
    certificates = document.data.get("certificates") if document else None
    if not isinstance(certificates, dict):
        return []
    return [
        name
        for name, each in certificates.items()
        if external or not (isinstance(each, dict) and "certificate" in each)
    ]
