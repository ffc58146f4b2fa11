"""Registry hosts: with nothing, with an old version's files, deployed; and one on which nothing gets healthy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.operations.registry.host import BEFORE, DOCKER, Host


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def answering() -> Iterator[int]:
    """A port at which /v2/ answers, as the registry's proxy would."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def empty(tmp_path: Path, shell: list[str], answering: int) -> Host:
    """A host on which nothing of ours is."""
    (tmp_path / "containers").mkdir()
    host = Host(tmp_path, shell, answering)
    host.tool("docker", DOCKER)
    host.tool("nft", "exit 1")
    return host


@pytest.fixture
def old(empty: Host) -> Host:
    """A host with the files and the container of a version that noted no digests."""
    empty.folder.mkdir(parents=True)
    for name, text in BEFORE.items():
        (empty.folder / name).write_text(text)
    empty.shows(digest="of another version")
    return empty


@pytest.fixture
def mute(old: Host) -> Host:
    """The same, where nobody listens on the port: nothing gets healthy."""
    return replace(old, port=1)


@pytest.fixture
def made(empty: Host) -> Host:
    """A host that has been deployed."""
    empty.carries_out(empty.due())
    assert not empty.due()
    empty.asked()
    return empty
