"""Whom an address counts for."""

from ipaddress import ip_address, ip_network


def network_of(host: str) -> str:
    """The address; for IPv6 its /64 network, since a household has that many addresses to choose from. What is no
    address is returned as it is.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 4 or address.ipv4_mapped:  # a dual-stack socket reports IPv4 addresses this way
        return str(address if address.version == 4 else address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))
