"""Ada owns the server; others come by open registration where a test wants them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
from quart.testing import QuartClient

from tests.conftest import Client, make_settings
from tests.helpers import sign_up
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import RecoveryCode, User
from webapp.web.application import Application

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


@pytest.fixture
async def open_app(data_dir: Path) -> AsyncIterator[Application]:
    """A server where people may sign up by themselves, owned by Ada."""
    made = create_app(make_settings(data_dir, registration="open"))
    made.test_client_class = Client
    async with made.test_app():
        await sign_up(made.test_client())
        yield made


async def add_second_factor(app: Application, user_id: int = 1) -> list[str]:
    """As the page of the account does; the answer is the recovery codes."""

    async def add(work: UnitOfWork) -> list[str]:
        user = await work.session.get_one(User, user_id)
        user.totp_secret = sealer.of(app).encrypt(SECRET.encode()).decode()
        return await RecoveryCode.replace(work, user_id)

    return await db.of(app).write(add)


def code(steps: int = 0) -> str:
    """The authenticator app's code for this or another time step."""
    import time

    return pyotp.TOTP(SECRET).at(int(time.time()) + 30 * steps)
