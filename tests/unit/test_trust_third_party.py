"""Files of others: what is merged into them and taken back, by their format's own library."""

from __future__ import annotations

import tomllib
from base64 import b64encode

import pytest
import yaml

from anchorline.authority import Anchor, stage
from anchorline.fleet import words
from anchorline.spec import load
from anchorline.trust.stores import merged as stores
from anchorline.trust.stores.merged import DesiredStores, ObservedStores, due
from anchorline.trust.stores.merging import Configuration, Fragment, MergeError
from anchorline.trust.stores.third_party import CONFIGURATIONS, bundle

NAMES = ("registry.example.com", "registry.example.com:443")
FRAGMENT = Fragment(NAMES, bundle("blue"))
ROWS = {row.store: row for row in CONFIGURATIONS}

BEFORE = {
    "k3s": """\
# the mirrors of the cluster
mirrors:
  docker.io:   # through the cache
    endpoint: ["https://cache.example.com"]
configs:
  "cache.example.com":
    auth: {username: pull, password: 'a: "b"'}
""",
    "buildkit": """\
# ours since 2024
debug = true

[registry."docker.io"]
  mirrors = ["cache.example.com"]  # the cache
  http = false
""",
    "gitlab-runner": """\
concurrent = 4

[[runners]]
  name = "one"
  token = "secret"  # rotate yearly
  [runners.docker]
    image = "alpine"
    volumes = ["/cache"]

[[runners]]
  name = "shell"
  executor = "shell"
""",
    "containerd": """\
version = 2

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"  # the default
""",
}
BEFORE["rke2"] = BEFORE["k3s"]


def parsed(row: Configuration, text: str) -> object:
    return tomllib.loads(text) if row.path.endswith(".toml") else yaml.safe_load(text)


@pytest.mark.parametrize("store", ROWS)
def test_there_and_back(store: str) -> None:
    row, before = ROWS[store], BEFORE[store]
    merged = row.merged(before, FRAGMENT)
    assert parsed(row, merged) != parsed(row, before)
    assert row.merged(merged, FRAGMENT) == merged, "once more changes nothing"
    for line in before.splitlines():
        if comment := line.partition("#")[2]:
            assert comment in merged
    assert parsed(row, row.without(merged, FRAGMENT)) == parsed(row, before)
    assert row.without(before, FRAGMENT) == before, "what isn't there isn't taken out"


@pytest.mark.parametrize("store", ["k3s", "buildkit"])
def test_from_nothing_and_back_to_nothing(store: str) -> None:
    merged = ROWS[store].merged("", FRAGMENT)
    assert bundle("blue") in merged
    assert ROWS[store].without(merged, FRAGMENT) == ""


def test_what_they_say() -> None:
    rancher = yaml.safe_load(ROWS["k3s"].merged(BEFORE["k3s"], FRAGMENT))
    for name in NAMES:
        assert rancher["configs"][name] == {"tls": {"ca_file": "/etc/anchorline/blue.pem"}}
        assert rancher["mirrors"][name] == {"endpoint": [f"https://{name}"]}
    assert rancher["configs"]["cache.example.com"]["auth"]["password"] == 'a: "b"'
    buildkit = tomllib.loads(ROWS["buildkit"].merged(BEFORE["buildkit"], FRAGMENT))
    assert buildkit["registry"][NAMES[0]] == {"ca": ["/etc/anchorline/blue.pem"]}
    assert buildkit["registry"]["docker.io"] == {"mirrors": ["cache.example.com"], "http": False}
    one, shell = tomllib.loads(ROWS["gitlab-runner"].merged(BEFORE["gitlab-runner"], FRAGMENT))["runners"]
    assert one["docker"]["volumes"] == ["/cache", "/etc/docker/certs.d:/etc/docker/certs.d:ro"]
    assert "docker" not in shell
    plugins = tomllib.loads(ROWS["containerd"].merged(BEFORE["containerd"], FRAGMENT))["plugins"]
    assert plugins["io.containerd.grpc.v1.cri"]["registry"] == {"config_path": "/etc/containerd/certs.d"}
    third = tomllib.loads(ROWS["containerd"].merged("version = 3\n", FRAGMENT))["plugins"]
    assert third == {"io.containerd.cri.v1.images": {"registry": {"config_path": "/etc/containerd/certs.d"}}}


def test_two_sites_side_by_side() -> None:
    green = Fragment(("green.example.com",), bundle("green"))
    for store in ("k3s", "buildkit"):
        row = ROWS[store]
        both = row.merged(row.merged(BEFORE[store], FRAGMENT), green)
        assert parsed(row, row.without(both, FRAGMENT)) == parsed(row, row.merged(BEFORE[store], green))


@pytest.mark.parametrize(
    ("store", "text", "said"),
    [
        ("k3s", "mirrors:\n  a: [\n", "/etc/rancher/k3s/registries.yaml, line 2: "),
        ("k3s", "a: 1\na: 2\n", "registries.yaml, line 2: a key stands twice; fix it, it was left as it is"),
        ("k3s", "- a\n", "line 1: it isn't a mapping; fix it, it was left as it is"),
        ("k3s", "configs: [a]\n", "configs is no mapping"),
        (
            "k3s",
            "configs: {registry.example.com: {tls: {ca_file: /etc/company.pem}}}\n",
            "registry.example.com.tls.ca_file is another file than ours; take it out",
        ),
        ("buildkit", "debug = true\n[registry\n", "/etc/buildkit/buildkitd.toml, line 2: "),
        ("buildkit", "registry = 1\n", "registry is no mapping"),
        ("containerd", "", "config.toml: its version is neither 2 nor 3"),
        (
            "containerd",
            'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/opt/certs"\n',
            "config_path is another folder than ours, and hosts.toml is read there alone",
        ),
        (
            "containerd",
            'version = 3\n[plugins."io.containerd.cri.v1.images".registry.mirrors.a]\nendpoint = []\n',
            "has mirrors, which excludes config_path",
        ),
    ],
)
def test_what_is_refused(store: str, text: str, said: str) -> None:
    with pytest.raises(MergeError) as error:
        ROWS[store].merged(text, FRAGMENT)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text("version: 1\nsite: blue\nauthority: {CN: Blue CA}\n")
    return stage(load(file)).anchors[0]


@pytest.fixture
def wanted(anchor: Anchor) -> DesiredStores:
    stores = [*ROWS, "java", "nss", "environment"]
    return DesiredStores("blue", stores, [anchor], [anchor.pem], NAMES, ["registry.example.com"])


def seen(*lines: str) -> ObservedStores:
    return stores.read(words.read(line for each in lines for line in each.splitlines()))


def text_of(store: str, text: str) -> str:
    path = ROWS[store].path
    return f"config {store} 600 {path}\ncontent {path} {b64encode(text.encode()).decode()}"


def test_what_is_due(wanted: DesiredStores) -> None:
    has = seen(text_of("gitlab-runner", BEFORE["gitlab-runner"]), "owned gitlab-runner", "owned environment")
    todo = due(has, wanted, {}, frozenset(), "/bundle.pem")
    assert {file.path for file in todo.files} == {
        "/etc/gitlab-runner/certs/registry.example.com.crt",
        "/etc/profile.d/50-anchorline-blue.sh",
    }
    assert [(file.path, file.mode) for file in todo.merged] == [("/etc/gitlab-runner/config.toml", "600")]
    assert todo.what == ("gitlab-runner", "environment")
    settled = seen(text_of("gitlab-runner", todo.merged[0].content), "owned gitlab-runner", "owned environment")
    again = due(settled, wanted, {file.path: file.sha256 for file in todo.files}, frozenset(), "/bundle.pem")
    assert (again.files, again.merged, again.what, again.notes) == ((), (), (), ())


def test_no_secret_of_others_is_shown(wanted: DesiredStores) -> None:
    has = seen(text_of("gitlab-runner", BEFORE["gitlab-runner"]))
    assert "secret" not in repr(has) + repr(due(has, wanted, {}, frozenset(), ""))


def test_a_file_that_does_not_parse_fails_the_host(wanted: DesiredStores) -> None:
    problem = due(seen(text_of("buildkit", "[")), wanted, {}, frozenset(), "").problem
    assert problem
    assert "line 1" in problem.cause
    assert problem.fix.startswith("fix it")
    with pytest.raises(ValueError, match=r"buildkitd.toml is not UTF-8 at byte 0"):
        seen("config buildkit 644 /f/buildkitd.toml", f"content /f/buildkitd.toml {b64encode(bytes([255])).decode()}")


def test_containerd_is_configured_when_asked_alone(wanted: DesiredStores) -> None:
    has = seen(text_of("containerd", BEFORE["containerd"]))
    shown = due(has, wanted, {}, frozenset(), "")
    assert (shown.merged, shown.problem) == ((), None)
    assert shown.notes == (
        '/etc/containerd/config.toml should name config_path = "/etc/containerd/certs.d": '
        "`trust: {containerd: {configure: true}}` writes it",
    )
    asked = DesiredStores(**(vars(wanted) | {"configure": True}))
    assert [file.path for file in due(has, asked, {}, frozenset(), "").merged] == ["/etc/containerd/config.toml"]


def test_a_keystore_that_lacks_it(wanted: DesiredStores, anchor: Anchor) -> None:
    keystores = ["keystore java /opt/jdk/bin/keytool /opt/jdk/lib/security/cacerts", "keystore nss ada /home/ada/x"]
    lacks = due(seen(*keystores), wanted, {}, frozenset(), "")
    assert (lacks.lacking, lacks.system, lacks.what) == (True, False, ("java", "nss"))
    assert lacks.tasks == (
        f"add java /opt/jdk/bin/keytool {anchor.name} /opt/jdk/lib/security/cacerts",
        f"add nss ada {anchor.name} /home/ada/x",
    )
    holds = [f"holds {anchor.name} /opt/jdk/lib/security/cacerts", f"holds {anchor.name} /home/ada/x"]
    assert not due(seen(*keystores, *holds), wanted, {}, frozenset(), "").lacking
    system = "keystore system /bin/keytool /etc/ssl/certs/java/cacerts"
    assert due(seen(system), wanted, {}, frozenset(), "").tasks == (), "the system's store isn't kept"
    kept = DesiredStores(**(vars(wanted) | {"stores": ["system", "java"]}))
    assert due(seen(system), kept, {}, frozenset(), "").system


@pytest.mark.parametrize("siblings", [False, True])
def test_back(siblings: bool) -> None:
    merged = {store: ROWS[store].merged(BEFORE[store], FRAGMENT) for store in ("k3s", "gitlab-runner")}
    lines = [text_of(store, text) for store, text in merged.items()]
    for path, text in ((ROWS[store].path, BEFORE[store]) for store in merged):
        lines += [f"backup {path}", f"before {path} {b64encode(text.encode()).decode()}"]
    lines += ["sibling"] * siblings
    back = stores.back(seen(*lines), "blue")
    paths = [ROWS[store].path for store in (["k3s"] if siblings else merged)]
    assert back.restored == tuple(paths), "the last site gives back what is the same for all"
    # someone wrote to it meanwhile: that stays, and only what is ours goes
    edited = merged["k3s"] + "other: true\n"
    theirs = stores.back(seen(text_of("k3s", edited), lines[2]), "blue")
    [file] = theirs.rewritten
    assert yaml.safe_load(file.content) == yaml.safe_load(BEFORE["k3s"]) | {"other": True}
    assert theirs.spent == (f"{ROWS['k3s'].path}.anchorline-backup",)
    alone = stores.back(seen(text_of("k3s", ROWS["k3s"].merged("", FRAGMENT))), "blue")
    assert alone.gone == (ROWS["k3s"].path,)


def test_a_volume_that_stood_there_before_us_stays() -> None:
    text = ROWS["gitlab-runner"].merged(BEFORE["gitlab-runner"], FRAGMENT)
    assert stores.back(seen(text_of("gitlab-runner", text)), "blue") == stores.StoresRemoval()
