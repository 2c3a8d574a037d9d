"""Which addresses may be reached: public ones; private ones only where allowed; some nowhere."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.outbound.networks import may_reach

PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2001:4860:4860::8888"]
PRIVATE = [
    "10.0.0.1", "172.16.3.4", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.0.1", "100.64.0.1",
    "100.127.255.254", "198.18.0.1", "::1", "fc00::1", "fd12:3456::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "0.0.0.0", "224.0.0.1", "239.1.1.1",
    "255.255.255.255", "240.0.0.1", "192.88.99.1", "::", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::1",
    "fe80::1%eth0", "2606:4700:4700::1111%1", "fec0::1", "ff02::1", "fd00:ec2::254",
    "fd20:ce::254", "fd00:c1::a9fe:a9fe", "::ffff:0:7f00:1", "64:ff9b:1:ffff::a9fe:a9fe",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    assert may_reach(ip_address(text), private=False)
    assert may_reach(ip_address(text), private=True)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_reached_where_it_is_allowed(text: str) -> None:
    assert not may_reach(ip_address(text), private=False)
    assert may_reach(ip_address(text), private=True)


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_never_reached(text: str) -> None:
    assert not may_reach(ip_address(text), private=False)
    assert not may_reach(ip_address(text), private=True)


@given(st.ip_addresses())
def test_what_is_not_global_is_never_reached_from_the_public(address: IPv4Address | IPv6Address) -> None:
    if may_reach(address, private=False):
        assert address.is_global
        assert not address.is_multicast
        assert address.version == 4 or address in ip_network("2000::/3")


@pytest.mark.parametrize("text", ["4000::1", "1000::1", "5f00::1", "c000::1", "e000::1", "8000::1", "200::1"])
def test_only_what_iana_gave_out_is_public(text: str) -> None:
    assert not may_reach(ip_address(text), private=False)


@given(st.ip_addresses(v=4))
def test_no_ipv6_form_of_an_ipv4_address_gets_through(inner: IPv4Address) -> None:
    for network in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96"):
        disguised = IPv6Address(int(ip_network(network).network_address) + int(inner))
        if disguised != IPv6Address("::1"):
            assert not may_reach(disguised, private=True)
    assert not may_reach(IPv6Address((0x2002 << 112) | (int(inner) << 80)), private=True)
