"""The root file systems: an image of each Debian, and on it a thin layer for each host.

The images are the long part (they download and unpack); a layer takes a second or two, so a change in `lab/layers` is
cheap to try. All are artefacts of the cache.
"""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.cache import artefact, tree
from lab.contained import contained
from lab.hosts import HOSTS, IMAGES, TRIXIE, Host, Image
from lab.requirements import DEBIAN_KEYS

LAYERS = Path(__file__).with_name("layers")

# Not installed on any host: what the registry's image is made of, with the libraries that it is linked with.
PARTS = """
set -eu
mkdir "$1/parts"
chroot "$1" sh -euc '
    cd parts
    apt-get -o APT::Sandbox::User=root download -q docker-registry busybox-static
    for package in *.deb; do dpkg-deb --extract "$package" .; rm "$package"; done
    cp --parents --dereference $(ldd usr/bin/docker-registry | grep -o "/[^ ]*") .
'
mv "$1/parts" "$1/../parts"
"""

OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    "--quiet",
    "--skip=check/empty",
    f"--keyring={DEBIAN_KEYS}",
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    # A lost image is built again; waiting for the disk after each package would take longer than that.
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    # Java's alternatives want the folder, though nothing comes into it
    '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/zoneinfo/*",
)

DRESS = """
set -eu
cd "$LAYER"
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$LAYER/upper,workdir=$LAYER/work" "$LAYER/root"
mount -t proc proc root/proc
mount --rbind /dev root/dev
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
[ -z "$WITHOUT" ] || chroot root dpkg --force-unsafe-io --force-depends --purge $WITHOUT
for script in "$@"; do chroot root sh -eu <"$script"; done
# /etc and /var are as new as the image: the first boot has nothing to catch up on. Debian 12 never does.
[ ! -x root/usr/lib/systemd/systemd-update-done ] || chroot root /usr/lib/systemd/systemd-update-done
"""


def mirror() -> list[str]:
    """Where this machine's own apt takes Debian from; nothing when it takes none, and mmdebstrap knows a place."""
    said = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format=$(REPO_URI)",
            "Created-By: Packages",
            "Origin: Debian",
            "Component: main",
        ],
        capture_output=True,
        text=True,
    )
    return said.stdout.splitlines()[:1]


def apt_settings() -> str:
    """This machine's settings for getting at a package archive (proxies, clocks), for the apt of the new system."""
    said = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check", "Acquire::Retries")
    return "".join(f"{line}\n" for line in said.stdout.splitlines() if line.startswith(wanted))


def options(image: Image) -> tuple[str, ...]:
    include = f"--include={','.join((*image.packages, *image.optional))}"
    return (*OPTIONS, include, *((f"--customize-hook={PARTS}",) if image is TRIXIE else ()))


def built(image: Image) -> Path:
    """The folder with `root`, which its hosts share; trixie's has `parts` too, which make the registry's image."""

    def build(folder: Path) -> None:
        settings = folder / "apt.conf"
        settings.write_text(apt_settings())
        contained(
            f"the image of Debian {image.suite} could not be built (is this machine's own `apt-get update` fine?)",
            ["mmdebstrap", *options(image), f"--aptopt={settings}", image.suite, str(folder / "root"), *mirror()],
        )
        settings.unlink()

    return artefact(f"image-{image.suite}", (image.suite, *options(image)), build)


def layers(keys: Path) -> Path:
    """The folder with each host's layer, in `HOST/upper`; `keys` holds the SSH keys that go into it."""
    with ThreadPoolExecutor() as pool:
        below = dict(zip(IMAGES, pool.map(built, IMAGES), strict=True))
    inputs = (*(each.name for each in below.values()), DRESS, *map(repr, HOSTS), *tree(LAYERS), *tree(keys))

    def build(folder: Path) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: build_layer(host, folder / host.name, below[host.image] / "root", keys), HOSTS))

    return artefact("layers", inputs, build)


def build_layer(host: Host, folder: Path, below: Path, keys: Path) -> None:
    upper = folder / "upper"
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    for layer in host.layers:
        copy_tree(LAYERS / layer / "root", upper)
    ssh = upper / "etc/ssh"
    shutil.copy(keys / f"{host.name}_ed25519", ssh / "ssh_host_ed25519_key")
    shutil.copy(keys / f"{host.name}_ed25519.pub", ssh / "ssh_host_ed25519_key.pub")
    shutil.copy(keys / "id_ed25519.pub", ssh / "authorized_keys")
    scripts = [LAYERS / layer / "dress.sh" for layer in host.layers]
    contained(
        f"the layer of {host.name} could not be built",
        ["sh", "-c", DRESS, "dress", *(str(script) for script in scripts if script.exists())],
        {
            "LAYER": str(folder),
            "IMAGE": str(below),
            "WITHOUT": " ".join(host.without),
            "HOST": host.name,
        },
    )
    shutil.rmtree(folder / "work")
    (folder / "root").rmdir()


def copy_tree(source: Path, target: Path) -> None:
    """Copy files with the modes that a system has, not those that a checkout under some umask came to have."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(exist_ok=True)
            place.chmod(0o755)
        else:
            shutil.copyfile(path, place)
            place.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
