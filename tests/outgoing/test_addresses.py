"""Which addresses are public, and what an address that somebody typed may be."""

from ipaddress import ip_address, ip_network

import pytest

from webapp.outgoing import AddressRefused, OutgoingClient, Target
from webapp.outgoing.addresses import is_among, is_public, parse_address

PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",  # metadata of most clouds
    "100.100.100.200",  # of Alibaba, behind a carrier's NAT
    "168.63.129.16",  # of Azure
    "192.0.0.192",  # of Oracle
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "198.18.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of AWS
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",  # nothing that a name server should say
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "2002:a00:1::1",
    "2001:0:1::1",  # Teredo
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_what_only_this_machine_or_its_network_can_reach_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.215.14", "2606:2800:21f::1", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_addresses_of_the_internet_are_public(text: str) -> None:
    assert is_public(ip_address(text))


def test_the_name_of_an_interface_is_left_out() -> None:
    assert parse_address("fe80::1%eth0") == ip_address("fe80::1")


def test_a_private_network_of_the_settings_has_its_addresses_however_they_are_written() -> None:
    networks = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert is_among(ip_address("10.1.2.3"), networks)
    assert is_among(ip_address("::ffff:10.1.2.3"), networks)
    assert is_among(ip_address("fd12::1"), networks)
    assert not is_among(ip_address("10.2.0.1"), networks)


def test_a_name_with_one_private_address_is_refused_whatever_the_others_are() -> None:
    client, target = OutgoingClient(), Target.parse("https://example.org/")
    client.check(target, [ip_address("8.8.8.8")])
    with pytest.raises(AddressRefused, match="private network"):
        client.check(target, [ip_address("8.8.8.8"), ip_address("10.0.0.1")])
    client.close()


@pytest.mark.parametrize(("url", "what"), [("http://example.org/", "https"), ("https://example.org:25/", "port")])
def test_public_addresses_are_reached_by_tls_and_at_the_ports_of_web_servers(url: str, what: str) -> None:
    client = OutgoingClient()
    with pytest.raises(AddressRefused, match=what):
        client.check(Target.parse(url), [ip_address("8.8.8.8")])
    client.close()


def test_a_private_network_of_the_settings_may_be_reached_at_any_port_without_tls() -> None:
    client = OutgoingClient([ip_network("10.1.0.0/16")])
    client.check(Target.parse("http://intern.example:81/"), [ip_address("10.1.2.3")])
    with pytest.raises(AddressRefused):
        client.check(Target.parse("http://intern.example:81/"), [ip_address("10.1.2.3"), ip_address("10.2.0.1")])
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://name:secret@example.org/",
        "https://name@example.org/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX-Injected: 1",
        "https://example.org/\tx",
        "https://example.org/#part",
        "https://example.org/grün",
        "https://[::1",
        "https://[2606:2800:21f::1%eth0]/",
        "https://[fe80::1%25é]/",
        "https://.example.org/",
        "https://./",
        "https://example.org../",
        "https://exam<ple.org/",
        "https://a..b/",
        "https://example.org/" + "x" * 2_000,
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        Target.parse(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://Example.ORG", "example.org", 443, "/", "example.org"),
        ("https://example.org:8443/a?b=c", "example.org", 8443, "/a?b=c", "example.org:8443"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        ("https://[2606:2800:21f::1]/x", "2606:2800:21f::1", 443, "/x", "[2606:2800:21f::1]"),
        ("http://127.0.0.1:8000/?q", "127.0.0.1", 8000, "/?q", "127.0.0.1:8000"),
    ],
)
def test_an_address_is_taken_apart(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = Target.parse(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)
