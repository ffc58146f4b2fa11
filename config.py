"""pyinfra's settings, what of its command line is refused, and what is said at the end of a run."""

import inspect
from pathlib import Path

from pyinfra import config
from pyinfra_cli.util import PYTHON_CODES

from anchorline import report
from anchorline.fleet import guard

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"
config.PARALLEL = 100  # hosts at a time, in each step
config.CONNECT_TIMEOUT = 10  # seconds

# pyinfra looks for the module of deploy.py's frame at each operation of each host, and there is none to be found:
# this spares it going through all modules each time (4 ms a host)
inspect.modulesbyfile[str(Path("deploy.py").absolute())] = "__main__"

PYTHON_CODES.update(guard.folder_inventory(Path("inventory/hosts.py")))
report.install_hooks()
