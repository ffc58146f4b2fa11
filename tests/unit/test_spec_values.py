"""Single values: what is read comes out as it went in."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchorline.spec.values import (
    Endpoint,
    format_duration,
    parse_dns_name,
    parse_duration,
    parse_endpoint,
    parse_name,
    parse_percent,
)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("43800h", timedelta(hours=43800)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("10y", timedelta(days=3650)),
        ("1s", timedelta(seconds=1)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "h", "1", "1 h", "-1h", "1h-", "1H", "1ms", "1e3h", "٣h", "0h", "101y", "0.9s"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no duration|is not between"):
        parse_duration(text)


@given(st.integers(1, 100 * 365 * 86400))
def test_a_duration_survives_being_written(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse_duration(format_duration(length)) == length


@given(st.one_of(st.ip_addresses(), st.just("registry.example.com")), st.none() | st.integers(1, 65535))
def test_an_endpoint_survives_being_written(host: str | IPv4Address | IPv6Address, port: int | None) -> None:
    endpoint = Endpoint(host, port)
    if getattr(host, "scope_id", None) is None:
        assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "text", ["", ":443", "a.b:", "a.b:x", "a.b:65536", "[::1", "[::1]x", "[::1]:", "a b", "http://a"]
)
def test_no_endpoints(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_endpoint(text)


@pytest.mark.parametrize(
    "text", ["a_b.c", "-a.b", "a-.b", "a..b", ".a", "a" * 64, "1.2.3", "ä.b", "", "a@b", f"{'a.' * 127}b"]
)
def test_no_dns_names(text: str) -> None:
    with pytest.raises(ValueError, match="is no DNS name"):
        parse_dns_name(text)


def test_names_are_folded() -> None:
    assert parse_name("Registry.Example.COM.") == "registry.example.com"
    assert parse_name("2001:DB8:0::1") == IPv6Address("2001:db8::1")


def test_percentages() -> None:
    assert (parse_percent("30%"), parse_percent("0.5%"), parse_percent("100%")) == (0.3, 0.005, 1.0)
