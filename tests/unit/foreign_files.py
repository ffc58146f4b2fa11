"""Files of others as tests write them, and what is done with each on a host: read, merged, taken back."""

from __future__ import annotations

import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import chain
from random import Random
from typing import Any

import yaml

from anchorline.trust.stores import merged as stores
from anchorline.trust.stores.merging import Configuration, Fragment, MergeError
from anchorline.trust.stores.third_party import CONFIGURATIONS, bundle

NAMES = ("registry.example.com", "registry.example.com:443")
FRAGMENT = Fragment(NAMES, bundle("blue"))
ROWS = {row.store: row for row in CONFIGURATIONS}
CRI = "io.containerd.grpc.v1.cri"


def said(row: Configuration, text: str, backup: str | None = None) -> stores.ObservedStores:
    """What a host's probe says of one file."""
    said: dict[str, list[tuple[str, ...]]] = {"config": [(row.store, "600", row.path)]}
    said["content"] = [(row.path, b64encode(text.encode()).decode())]
    if backup is not None:
        said |= {"backup": [(row.path,)], "before": [(row.path, b64encode(backup.encode()).decode())]}
    return stores.read(said)


def parsed(row: Configuration, text: str) -> Any:
    """What a text says, by a reader that isn't ours."""
    text = text.removeprefix("\ufeff")
    return (
        tomllib.loads(text)
        if row.path.endswith(".toml")
        else yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    ) or {}


def bare(value: Any) -> Any:
    """A value without what is empty in it."""
    if isinstance(value, dict):
        return {key: kept for key, each in value.items() if (kept := bare(each)) not in (None, {}, [])}
    return [bare(each) for each in value] if isinstance(value, list) else value


def outcome(work: Callable[[], str]) -> str | MergeError:
    """What work returns, or its MergeError; every other exception is one."""
    try:
        return work()
    except MergeError as error:
        return error


def wake(error: BaseException | None) -> Iterator[str]:
    """All that an exception says, and those that it has in its wake."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
        error = error.__context__  # also what `from None` hides


# what is at the places that we change, and around them
_WORDS = ("a", "b.c", "x y", "docker.io", *NAMES, "configs", "mirrors", "tls", "auth", "é", "1", "")
_PLACES: dict[str, list[tuple[str, ...]]] = {
    "k3s": [("configs",), ("mirrors",), *(("configs", each, "tls") for each in NAMES), ("mirrors", NAMES[0])],
    "buildkit": [("registry",), *(("registry", each) for each in NAMES), ("registry", "docker.io")],
    "gitlab-runner": [(), ("session",)],
    "containerd": [("plugins",), ("plugins", CRI), ("plugins", CRI, "registry"), ("plugins", "other")],
}


def _leaf(random: Random) -> Any:
    strings = ("", "x", "a # b", "'", '"', "\\", "true", "~", "2024-01-01", "1_0", "é", "a: b", " x ", "l\nm", "@ x")
    return random.choice([random.choice(strings), random.choice(strings), 0, -7, 10**20, 1.5, True, False])


def _value(random: Random, depth: int = 0) -> Any:
    kind = random.random()
    if kind < 0.55 or depth > 2:
        return _leaf(random)
    if kind < 0.75:
        return [_value(random, depth + 1) for _ in range(random.randrange(3))]
    return {random.choice(_WORDS): _value(random, depth + 1) for _ in range(random.randrange(3))}


def _runner(random: Random) -> Any:
    runner: dict[str, Any] = {"name": _leaf(random)}
    if random.random() < 0.7:
        docker: Any = {"image": "alpine"}
        if random.random() < 0.6:
            docker["volumes"] = random.choice([[], ["/cache"], ["/a", "/b"], "x", [1], {"a": 1}])
        runner["docker"] = docker if random.random() < 0.9 else _value(random)
    return runner


def document(random: Random, store: str) -> dict[str, Any]:
    """A document of a store: mostly of the shape that its program wants."""
    whole: dict[str, Any] = {}
    if store == "containerd":
        whole["version"] = random.choice([2, 2, 2, 3, 1, "2", [2], 2.0, True])
    for _ in range(random.randrange(4)):
        whole[random.choice(_WORDS[:4])] = _value(random)
    for place in random.sample(_PLACES[store], random.randrange(len(_PLACES[store]) + 1)):
        at: Any = whole
        for key in place:
            at = at.setdefault(key, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at.update({random.choice(_WORDS[:4]): _value(random) for _ in range(random.randrange(3))})
    if store == "gitlab-runner":
        whole["runners"] = [_runner(random) for _ in range(random.randrange(3))]
    if random.random() < 0.1 and (strange := [place for place in _PLACES[store] if place]):
        whole[random.choice(strange)[0]] = _value(random)
    return whole


def _toml_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _toml_inline(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _toml_string(value)
        case dict():
            return "{" + ", ".join(f"{_toml_string(key)} = {_toml_inline(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml_inline, value)) + "]"
        case int() if abs(value) >= 1 << 63:
            return str(1 << 60)
        case _:
            return repr(value)


def _toml_lines(random: Random, table: dict[str, Any], path: str) -> tuple[list[str], list[list[str]]]:
    """The lines of a table itself, and the blocks of those under it, in any order."""
    own, blocks = [], []
    for key, value in table.items():
        name = _toml_string(key) if random.random() < 0.5 or not key.isascii() or not key.isalnum() else key
        full = f"{path}.{name}" if path else name
        way = random.random()
        if isinstance(value, dict) and value and way < 0.15:
            own += [f"{name}.{_toml_string(each)} = {_toml_inline(inner)}" for each, inner in value.items()]
        elif isinstance(value, dict) and way < 0.8:
            lines, below = _toml_lines(random, value, full)
            blocks += [[f"[{full}]", *lines], *below] if lines or not below or random.random() < 0.3 else below
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value) and way < 0.8:
            parts = [(f"[[{full}]]", *_toml_lines(random, each, full)) for each in value]
            blocks.append(
                [line for head, lines, below in parts for line in (head, *lines, *chain.from_iterable(below))]
            )
        else:
            own.append(f"{name} = {_toml_inline(value)}")
    return own, blocks


def _toml(random: Random, whole: dict[str, Any]) -> str:
    own, blocks = _toml_lines(random, whole, "")
    if random.random() < 0.3:
        random.shuffle(blocks)
    return _dressed(random, [*own, *chain.from_iterable(blocks)])


def _yaml(random: Random, whole: dict[str, Any]) -> str:
    text = yaml.safe_dump(
        whole,
        default_flow_style=random.choice([False, False, None, True]),
        indent=random.choice([2, 4]),
        width=random.choice([20, 80]),
        allow_unicode=random.random() < 0.5,
        sort_keys=False,
        explicit_start=random.random() < 0.2,
    )
    return _dressed(random, text.splitlines()) if "l\n" not in str(whole) and random.random() < 0.7 else text


def _dressed(random: Random, lines: list[str]) -> str:
    """Lines as people leave them: with comments, other line ends, and none at the end."""
    for _ in range(random.randrange(3)):
        lines.insert(random.randrange(len(lines) + 1), random.choice(["# theirs", "  # indented", ""]))
    newline = random.choice(["\n", "\n", "\r\n"])
    return random.choice(["", "", "\ufeff"]) + newline.join(lines) + newline * (random.random() < 0.8)


def written(random: Random, store: str) -> str:
    """A random file of a store."""
    whole = document(random, "k3s" if store == "rke2" else store)
    return _toml(random, whole) if ROWS[store].path.endswith(".toml") else _yaml(random, whole)


def damaged(random: Random, text: str) -> str:
    """The text with some of its characters gone, doubled, swapped or strange."""
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        end = at + random.choice([0, 1, 1, 8])
        put = random.choice(
            [*"[]{}:,'\"#&*!|>%@`-?=.\n\t\x00\x85 \u2028", "", text[at:end] * 2, "<<: *a\n", "&a ", "---\n"]
        )
        text = text[:at] + put + text[end:]
    return text
