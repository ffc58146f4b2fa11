"""What is said of hosts and on them: trust, withdrawal, the registry, the doctor. Each is called for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from anchorline.authority import Staged, stage
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.scripts import Value
from anchorline.registry import distribution
from anchorline.registry.scripts import Apply
from anchorline.spec import load
from anchorline.spec.model import Registry
from anchorline.spec.values import Endpoint
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.observed import read as read_trust
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.processes import stale
from anchorline.trust.removal.operations import WITHDRAW
from anchorline.trust.removal.plan import ObservedAnchors, choose, digits
from anchorline.trust.scripts import Withdraw
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.merging import Fragment
from anchorline.trust.stores.third_party import CONFIGURATIONS
from anchorline.verify.access import Denied
from anchorline.verify.diagnosis import Case, diagnose
from anchorline.verify.examine import require_ca
from tests.unit import cases
from tests.unit.blue import DEBIAN
from tests.unit.said import SITE, Said, refused, texts
from tests.unit.shell import called


def trust(folder: Path) -> Said:
    file = folder / "anchorline.yml"
    file.write_text(SITE)
    spec = load(file)
    wanted = DesiredTrust.of(spec, stage(spec))
    (anchor,) = wanted.anchors
    nixos = next(family for family in FAMILIES if family.declared)
    arch = next(family for family in FAMILIES if not family.verified.startswith("real"))
    new = ObservedTrust(("debian",), DEBIAN)
    for has in (
        replace(new, family=None, os_ids=("plan9",)),
        replace(new, family=nixos),
        replace(new, family=arch),
        replace(new, strays=frozenset({"/etc/x/anchorline-y"}), elsewhere={anchor.name: "/x.crt"}),
        replace(new, files={f"{DEBIAN.folder}/anchorline-blue-{'0' * 12}.crt": ""}),
        replace(
            new,
            folders=(("containerd", "/etc/containerd/certs.d"),),
            foreign=frozenset({f"/etc/containerd/certs.d/{wanted.names[0]}/hosts.toml"}),
        ),
    ):
        plan = difference(has, wanted)
        yield texts([plan.problem or "", *plan.notes])
    rancher = next(row for row in CONFIGURATIONS if row.store == "k3s")
    theirs, fragment = "configs: {a: {tls: {ca_file: /x.pem}}}\n", Fragment(("a",), "/etc/anchorline/blue.pem")
    yield refused(lambda: rancher.merged(theirs, fragment))
    yield refused(lambda: read_trust(["os debian", "marker ca x"], "blue"))
    lines = [f"7 {change} host go /system.slice/x.service x" for change in ("add", "remove")]
    processes = [tuple(line.split()) for line in (*lines, "8 add container go / x")]
    yield texts(stale.message(stale.read(processes), ()))
    yield from _trust_shell(folder, anchor.pem)


def _trust_shell(folder: Path, pem: str) -> Said:
    for name in ("anchor", "bundle", "empty"):
        (folder / name).write_text("" if name == "empty" else pem)
    (folder / "links").mkdir()
    (folder / "links/0.0").touch()
    files = ("fleet/shell/files.sh", "fleet/shell/lock.sh", "fleet/shell/pem.sh", "trust/stores/layers.sh")
    inputs = dict.fromkeys(
        ("site", "state", "lock", "folders", "merged", "update", "anchors", "digests", "summary", "hosts_line"), "x"
    )

    def asked(call: str, **layers: str) -> str:
        given = {**inputs, "bundle": str(folder / "bundle"), "links": "", "p11": "", **layers}
        return called(call, *files, "trust/apply.sh", **given)

    ask = f"trusted {folder / 'anchor'}"
    yield asked(ask, bundle=str(folder / "empty"))
    yield asked(ask, p11="false")
    yield asked(ask, links=str(folder / "links"))
    yield asked(
        f"SSL_CERT_FILE={folder / 'empty'} SSL_CERT_DIR={folder / 'none'}; export SSL_CERT_FILE SSL_CERT_DIR; {ask}"
    )
    yield asked("receive </dev/null")
    yield asked(f"printf '@ 644 %s\\nx\\n@ end\\n' {folder / 'none/x'} | (mkdir() {{ :; }}; receive)")
    lock = folder / "lock"
    held = f"exec 7<>{lock}; flock -n 7;"
    yield asked(f'{held} locked {lock} {folder} 0 "another run is changing this host\'s stores"')


def withdrawal(folder: Path) -> Said:
    yield refused(lambda: digits(None))
    known = {
        "a": ObservedAnchors(ObservedTrust((), None, marker=(f"ca {'ab' * 31}cd", f"ca {'ab' * 32}"))),
    }
    yield refused(lambda: choose("cd" * 6, known))
    yield refused(lambda: choose("ab" * 6, known))
    file = folder / "anchorline.yml"
    file.write_text(SITE)
    staged = stage(load(file))
    staged.commit()
    (anchor,) = staged.anchors
    fleet = Fleet(file, {"registry": Host("registry", ("registry",)), "a": Host("a")}, ca=anchor.sha256)
    holder = ObservedAnchors(ObservedTrust((), None, marker=(f"ca {anchor.sha256}",)))
    fleet.observations["a"] = {WITHDRAW.name: holder}
    yield texts(WITHDRAW.preflight(fleet))
    served = x509.load_pem_x509_certificate(staged.certificate("server").pem.encode())
    fleet.observations["registry"] = {WITHDRAW.name: replace(holder, served=(served,))}
    yield texts(WITHDRAW.preflight(fleet))
    inputs: dict[str, Value] = {**dict.fromkeys(Withdraw.names(), "x"), "links": ""}
    for ban, theirs in (("", ""), ("yes", "/x.pem")):
        stubs = f"holds() {{ :; }}; theirs() {{ echo {theirs}; }}; hashes() {{ false; }}; untrusted"
        files = ("fleet/shell/files.sh", "trust/removal/withdraw.sh")
        yield called(stubs, *files, **{**inputs, "ban": ban})


def registry(folder: Path) -> Said:
    inputs = {"name": "registry", "image": "registry:3", "data": "/srv", "folder": "/etc/x", "port": "443"}
    for said in (
        "bind: address already in use",
        "manifest unknown",
        "open /certs/server-key.pem: permission denied",
        "mkdir /var/lib/registry/docker: permission denied",
        "configuration error: parsing",
    ):
        yield called(f'cause "{said}"', "registry/shell/wait.sh", leaf="", patience=1, **inputs)
    story = folder / "story"
    fall = f'ran= story={story}; (fall "registry didn\'t get healthy (container exited)" x); cat {story}.cause'
    yield called(fall, "registry/shell/wait.sh", leaf="", patience=1, **inputs)
    unhealthy = f"ran= story={story}; healthy() {{ echo no; return 60; }}; container_state() {{ echo exited 0; }};"
    yield called(
        f"{unhealthy} (get_healthy); cat {story}.cause", "registry/shell/wait.sh", leaf="", patience=1, **inputs
    )
    health = {"folder": "/etc/x", "host": "localhost", "listen": "127.0.0.1", "port": "1", "tls": ""}
    yield called("command() { false; }; healthy", "registry/shell/health.sh", **health)
    (folder / "of/started").parent.mkdir()
    (folder / "of/started").touch()
    told: dict[str, Value] = {**dict.fromkeys(Apply.names(), "x"), "folder": str(folder / "of")}
    told |= {"before": str(folder / "before"), "state": str(folder / "state"), "lock": str(folder / "lock")}
    told |= {"drain": 0, "patience": 0}
    full = f"ran= story={story}; cp() {{ echo full >&2; return 1; }}; (lay_out); cat {story}.cause"
    files = ("fleet/shell/files.sh", "registry/shell/wait.sh", "registry/shell/files.sh")
    yield called(full, *files, **told)
    yield called(f"ended=143 story={story}; (go_on); cat {story}.cause", *files, **told)
    nowhere = told | {"data": f"{folder}/of/started/data"}
    yield called(f"story={story}; (take_data); cat {story}.cause", *files, "registry/shell/data.sh", **nowhere)
    held = f"exec 7<>{folder}/lock; flock -n 7; main"
    yield called(held, "fleet/shell/files.sh", "fleet/shell/lock.sh", "registry/shell/apply.sh", **told)
    image = "image_exists() { false; }; image_load() { :; }; image_names() { echo x; }"
    loaded = f"ran= story={story}; {image}; (get_image); cat {story}.cause"
    sources = ("registry/shell/wait.sh", "registry/shell/image.sh")
    yield called(loaded, *sources, leaf="", patience=1, archive=str(folder / "archive"), **inputs)


def doctor(folder: Path, well: Case, red: Staged) -> Said:
    (folder / "anchorline.yml").write_text(SITE)
    yield refused(lambda: require_ca(Fleet(folder / "anchorline.yml", {"a": Host("a")})))
    sees, elsewhere = cases.sees, replace(well, endpoint=Endpoint("other.example.net", 443))
    far, process = timedelta(days=370), stale.Process(7, "add", "host", "go", "/system.slice/docker.service", "dockerd")
    bundle = Denied(frozenset({"debian"}), "/x", "600 of root", "r")
    key = Denied(frozenset({"registry"}), "/x", "600 of root", "r", "7:8")
    container = distribution.instance("blue", Registry(mode="local"))
    for case in (
        sees(well, addresses=()),
        sees(well, addresses=("192.0.2.9",)),
        sees(well, reachability="closed", rules=(("inet", "a", "b", "1"),)),
        *(sees(well, reachability=word) for word in ("closed", "refused", "odd")),
        sees(well, proxies=(("docker", "http://proxy:3128", ""),)),
        sees(well, clock=cases.NOW + 9 * far),
        sees(well, served=cases.served(red)),
        *(replace(sees(well, clock=then), now=then) for then in (cases.NOW + far, cases.NOW - far)),
        elsewhere,
        replace(well, leaf="0" * 64),
        sees(well, denied=(bundle,)),
        replace(sees(well, denied=(key,)), container=container),
        sees(well, denied=(replace(bundle, label="a:b"),)),
        replace(well, change=TrustPlan(update="x", what=("system store",))),
        sees(well, curl=60),
        replace(well, change=TrustPlan(what=("docker",))),
        replace(well, stores=("system",), trust=replace(well.trust, stale=(process,))),
    ):
        yield str(diagnose(case))
