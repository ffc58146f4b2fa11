"""A program in a process that has loaded it already: most of the time that a short run takes is imports.

As a program this is that process: it reads runs from standard input, a JSON object a line, and forks for each, so that
a run finds everything as a new process would. It ends with whoever started it. What a new process alone can show (a
terminal, a locale, what is imported, several at once) is tried with the command itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Timer


class Loaded:
    """The process, and its runs, one after the other. ``within``: the command that runs it where it should be."""

    def __init__(self, program: str, within: Sequence[str] = ()) -> None:
        self.program, self.command = program, [*within, sys.executable, __file__, program]
        self.process = self._process()
        self.one_at_a_time = Lock()

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """The program with these arguments, in this folder, and nothing on its standard input. Raises TimeoutError.

        Bytes that are no UTF-8 are kept, as surrogates.
        """
        with self.one_at_a_time, TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            told = {"arguments": [*arguments], "folder": str(folder), "environment": {**environment}}
            code = self._run(json.dumps(told | {"out": str(out), "err": str(err)}) + "\n", timeout)
            said = [each.read_bytes().decode(errors="surrogateescape") for each in (out, err)]
        if code == -9:
            raise TimeoutError(f"{self.program} {' '.join(arguments)}: no end in {timeout} s\n{said[1]}")
        return subprocess.CompletedProcess([self.program, *arguments], code, *said)

    def _run(self, told: str, timeout: float) -> int:
        """Its exit code. What breaks in on it (a test's own timeout) ends the run and the process: a new one begins,
        for the next run would read the answers of this one."""
        timer = None
        try:
            pid = int(self._ask(told))
            timer = Timer(timeout, os.kill, (pid, 9))
            timer.start()
            return int(self._ask(""))
        except BaseException:
            if timer:
                os.kill(pid, 9)
            self.process.kill()
            self.process.wait()
            self.process = self._process()
            raise
        finally:
            if timer:
                timer.cancel()

    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def _ask(self, text: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(text)
        return self.process.stdout.readline()


loaded = cache(Loaded)
"""The process of a program, which all tests have in common."""


def _serve(program: str) -> None:
    if program == "pyinfra":
        from gevent.monkey import get_original
        from pyinfra_cli.main import main

        import anchorline.report.end
        import anchorline.verify

        # gevent's own would begin its loop here, and a run shall begin it anew
        fork, wait = get_original("os", "fork"), get_original("os", "waitpid")
    else:
        import anchorline.cli.check
        import anchorline.cli.init
        import anchorline.cli.pki
        import anchorline.trust.export  # noqa: F401 (loaded for the runs to come, as are those above)
        from anchorline.cli.main import main

        fork, wait = os.fork, os.waitpid
    for line in sys.stdin:
        told = json.loads(line)
        pid = fork()
        if pid == 0:
            _become(program, told)
            sys.exit(main())  # type: ignore[no-untyped-call]
        print(pid, flush=True)  # noqa: T201 (the answer)
        _, status = wait(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def _become(program: str, told: Mapping[str, object]) -> None:
    """Be the process of a run: its folder, environment, arguments and files."""
    for descriptor, (name, flags) in enumerate(
        [
            ("/dev/null", os.O_RDONLY),
            *((str(told[each]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for each in ("out", "err")),
        ]
    ):
        os.dup2(os.open(name, flags), descriptor)
    os.chdir(str(told["folder"]))
    os.environ.clear()
    os.environ.update(told["environment"])  # type: ignore[call-overload]
    sys.path[:0] = os.environ.get("PYTHONPATH", "").split(":")
    sys.argv = [program, *told["arguments"]]  # type: ignore[misc]


if __name__ == "__main__":
    _serve(sys.argv[1])
