"""Why a request was not made, or has no answer, in words for whoever typed the address."""


class AddressRefused(Exception):
    """No request is made to this address."""


class NoAnswer(Exception):
    """There was no answer that could be used."""
