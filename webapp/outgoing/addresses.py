"""Which network addresses are public. What is not might be this machine, its neighbours, or the cloud's metadata.

`ipaddress.is_global` knows the registries of special addresses (IANA, RFC 6890) and says nothing of IPv4 addresses
inside IPv6 ones, which the network takes apart again; nor of multicast.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out so far
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
# Versions of Python differ about these, or the registries do not have them.
NEVER = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # behind a carrier's NAT
    IPv4Network("168.63.129.16/32"),  # a public address by which Azure answers its machines alone
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("198.18.0.0/15"),
    IPv6Network("2001::/23"),  # Teredo among others, which holds an IPv4 address
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),  # documentation
)


def parse_address(text: str) -> Address:
    """As `getaddrinfo` has it: without the name of an interface. Raises ValueError."""
    return ip_address(text.partition("%")[0])


def is_public(address: Address) -> bool:
    if any(address in network for network in NEVER if network.version == address.version):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in GLOBAL_UNICAST and address.is_global  # neither ::ffff:10.0.0.1 nor ::10.0.0.1 is in it


def is_among(address: Address, networks: Sequence[Network]) -> bool:
    """Whether it is in one of these, also as an IPv4 address that is written as an IPv6 one."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks if network.version == address.version)
