"""Which ways in the settings leave to whom."""

from typing import Any

from settings import OidcAccounts, PasswordSignIn, Registration
from webapp.extensions import config
from webapp.models import Role
from webapp.models.accounts.provider_sign_in import ProviderRules
from webapp.web.access import roles_with_two_factors


def takes_password(role: str) -> bool:
    """Whether people with this role may sign in with a password."""
    return config().password_sign_in is PasswordSignIn.EVERYBODY or role == Role.OWNER


def roles_with_password() -> list[Role]:
    return [role for role in Role if takes_password(role)]


def single_sign_on() -> dict[str, Any]:
    """For the pages that offer ways in: what the provider is called (None: there is none), whether passwords are for
    owners alone, and whether somebody new gets an account through it uninvited.
    """
    settings = config()
    return {
        "provider": settings.oidc_name if settings.has_single_sign_on else None,
        "is_for_owners": settings.password_sign_in is PasswordSignIn.OWNERS,
        "lets_in": settings.has_single_sign_on and creates_accounts(),
    }


def creates_accounts() -> bool:
    """Whether a first sign-in through the provider makes an account for somebody who is not invited."""
    settings = config()
    return settings.oidc_accounts is OidcAccounts.EVERYBODY or settings.registration is Registration.OPEN


def provider_rules() -> ProviderRules:
    settings = config()
    return ProviderRules(
        name=settings.oidc_name,
        creates_accounts=creates_accounts(),
        roles={group: Role(role) for group, role in settings.oidc_roles},
        two_factors=roles_with_two_factors(),
    )
