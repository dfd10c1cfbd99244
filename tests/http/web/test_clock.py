"""A clock that is set back by a day: what was stored and signed before has a time in the future."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from itsdangerous import SignatureExpired, TimestampSigner
from quart.testing import QuartClient
from quart_auth import QuartAuth
from sqlalchemy import text

from tests.conftest import make_settings
from tests.helpers import is_signed_in, sign_up
from tests.http.web.redis import RedisServer
from webapp import create_app
from webapp.db import signing
from webapp.db.signing import ClockTolerantSigner
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import utc_now
from webapp.web.application import Application
from webapp.web.rate_limit import limits
from webapp.web.rate_limit.limits import RateLimit
from webapp.web.session import _SignInSerializer

DAY = 86400  # seconds


@pytest.fixture
async def from_tomorrow(app: Application, client: QuartClient, monkeypatch: pytest.MonkeyPatch) -> QuartClient:
    """A browser that signed in while the clock was a day ahead."""
    signing.report_clock_set_back.cache_clear()
    with monkeypatch.context() as ahead:
        ahead.setattr(TimestampSigner, "get_timestamp", lambda _signer: int(time.time()) + DAY)
        await sign_up(client)

    async def store(work: UnitOfWork) -> None:
        later = {"then": (utc_now() + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S.%f")}
        await work.session.execute(
            text("UPDATE sessions SET created_at = :then, seen_at = :then, authenticated_at = :then"), later
        )

    await db.of(app).wait_for_writes()
    await db.of(app).write(store)
    return client


async def test_nobody_is_signed_out_and_the_log_says_so_once(
    from_tomorrow: QuartClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        assert await is_signed_in(from_tomorrow)

    assert [record.message for record in caplog.records if record.name == "rowcast.clock"] == [
        "The clock was set back: what was signed or stored before has a time in the future. It stays valid."
    ]


async def test_the_time_of_the_last_activity_is_corrected(app: Application, from_tomorrow: QuartClient) -> None:
    await is_signed_in(from_tomorrow)

    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        seen_at = await session.scalar(text("SELECT seen_at FROM sessions"))
    assert abs(datetime.fromisoformat(str(seen_at)).replace(tzinfo=UTC) - utc_now()) < timedelta(minutes=1)


async def test_a_proof_of_identity_from_the_future_is_not_fresh(from_tomorrow: QuartClient) -> None:
    answer = await from_tomorrow.get("/account/tokens/new")

    assert answer.headers["Location"].startswith("/login/confirm")


def test_what_is_too_old_or_forged_is_still_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = ClockTolerantSigner("key")
    signed = signer.sign("value")
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer: int(time.time()) + DAY)

    assert signer.unsign(signed, DAY + 60) == b"value"
    with pytest.raises(SignatureExpired):
        signer.unsign(signed, DAY - 60)


def test_cookies_signed_by_quart_auth_itself_are_accepted() -> None:
    """Releases before this one signed them so."""
    theirs = QuartAuth.serializer_class("key", "salt").dumps("token")

    assert _SignInSerializer("key", "salt").loads(theirs, max_age=60) == "token"


async def test_limits_in_the_shared_store_make_nobody_wait_for_a_day(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer(tmp_path) as redis:
        app = create_app(make_settings(data_dir, rate_limit_url=redis.url))
        async with app.test_app(), app.app_context():
            with monkeypatch.context() as ahead:
                now = time.time() + DAY
                ahead.setattr(limits, "time", lambda: now)
                assert [await RateLimit("guess", 1, 60).try_hit("ada") for _ in range(2)] == [True, False]

            assert [await RateLimit("guess", 1, 60).try_hit("ada") for _ in range(2)] == [True, False]
