"""Signatures, against an example of the specification's own libraries."""

import base64

from webapp.outgoing.signatures import new_secret, signed_headers

# The example of https://github.com/standard-webhooks/standard-webhooks, which the tests of its libraries have.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"  # pragma: allowlist secret
TIMESTAMP, BODY = 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # pragma: allowlist secret


def test_a_message_is_signed_as_the_specification_says() -> None:
    assert signed_headers([SECRET], MESSAGE, TIMESTAMP, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_while_a_secret_is_replaced_there_are_two_signatures() -> None:
    new = new_secret()
    both = signed_headers([new, SECRET], MESSAGE, TIMESTAMP, BODY)["webhook-signature"].split(" ")
    assert both == [signed_headers([new], MESSAGE, TIMESTAMP, BODY)["webhook-signature"], SIGNATURE]


def test_a_secret_has_as_many_random_bytes_as_the_specification_asks_for() -> None:
    assert len(base64.b64decode(new_secret().removeprefix("whsec_"))) == 32
    assert new_secret() != new_secret()
