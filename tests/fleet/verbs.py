"""What tests tell our commands, beside a deploy."""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import CompletedProcess

from tests.fleet.conftest import CHECKOUT, Site

WITHDRAW, DISTRUST = "anchorline.trust.withdraw", "anchorline.trust.distrust"
ONCE = ("--data", "ssh_connect_retries=0")  # a host that is down takes its time to be given up


def pki(site: Site, *arguments: str) -> CompletedProcess[str]:
    """``anchorline pki`` in the site's folder."""
    return site.lab.run([site.anchorline, "pki", *arguments], cwd=site.folder, capture_output=True, text=True)


def cli(*arguments: str, **environment: str) -> CompletedProcess[str]:
    """``python -m lab``."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        input="typed\n",
        env={**os.environ, **environment},
    )
