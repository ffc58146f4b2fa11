"""What a call says that is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from pyinfra.api.exceptions import PyinfraError

from anchorline.errors import AnchorlineError
from anchorline.problem import Problem

SITE = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates: {server: {CN: registry.example.com, hosts: [registry.example.com]}}
registry: {address: registry.example.com, certificate: server}
"""


def refused(work: Callable[[], object]) -> str:
    """What a call is refused with."""
    with pytest.raises((AnchorlineError, PyinfraError, ValueError)) as caught:
        work()
    return str(caught.value)


def texts(found: Iterable[Problem | str]) -> str:
    return "\n".join(map(str, found))


Said = Iterator[str]
