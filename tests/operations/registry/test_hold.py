"""The table of nft that holds connections while the registry is changed."""

from __future__ import annotations

import pytest

from tests.operations.registry.host import Host

# a table that lists what is there, and notes what goes
NFT = r"""
case $* in
    *'list table inet anchorline') cat "$ROOT/table" 2>/dev/null ;;
    'delete table '*) echo "$*" >>"$ROOT/nft"; [ "$4" != anchorline ] || rm -f "$ROOT/table" ;;
    '-f -') cat >>"$ROOT/nft" ;;
esac
"""
HELD = "table inet anchorline {{\n  set held {{\n    type inet_service\n    flags timeout\n{}  }}\n}}\n"


class TestHold:
    def test_the_table_is_this_site_s_and_this_instance_s(self, made: Host) -> None:
        made.tool("nft", NFT)
        (made.folder / "started").write_text("another chain\n")
        made.carries_out(made.due())
        lines = (made.root / "nft").read_text().splitlines()
        assert "table inet anchorline_blue_registry {" in lines
        assert lines[-1] == "delete table inet anchorline_blue_registry", "it is let go"
        assert "inet anchorline " not in " ".join(lines)

    @pytest.mark.parametrize(
        ("elements", "goes"),
        [
            ("", True),  # let go, or it has ended
            (
                "    elements = {{ {port} timeout 40s expires 12s }}\n",
                True,
            ),  # ours, and no old script of this site is at work
            ("    elements = {{ 5000 timeout 40s expires 12s }}\n", False),  # another site's old script may be
            ("    elements = {{ 5000 timeout 40s expires 12s, {port} timeout 40s expires 12s }}\n", True),
        ],
    )
    def test_the_table_that_all_sites_had(self, made: Host, elements: str, *, goes: bool) -> None:
        made.tool("nft", NFT)
        (made.root / "table").write_text(HELD.format(elements.format(port=made.port)))
        (made.folder / "ca.pem").unlink()
        made.carries_out(made.due())
        assert (made.root / "table").exists() == (not goes)
