"""Single functions of our shell files, called by a real shell."""

from __future__ import annotations

import subprocess

from anchorline.fleet.scripts import Value, script


def called(call: str, *sources: str, **values: Value) -> str:
    """What a call says on both streams, after these files were read. A file that ends in ``main`` isn't begun."""
    text = script(*sources, **values).replace("\nmain\n", "\n")
    done = subprocess.run(["sh", "-c", f"{text}\n{call}"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
