"""Templates: Jinja2 into text. They lie at the top of a checkout, and inside the package in a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_PACKAGE = Path(__file__).parent
FOLDERS = (_PACKAGE / "templates", _PACKAGE.parent / "templates")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([str(folder) for folder in FOLDERS]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # by the template's name: TOML and YAML stay as they are
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False, default_for_string=False),
    )


def render(template: str, **values: object) -> str:
    """Render one of our templates. A value that the template names and nobody gives is an error of ours."""
    return _environment().get_template(template).render(**values)
