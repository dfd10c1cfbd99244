"""User agents are described by the names people use."""

import pytest

from webapp.web.user_agents import describe_user_agent

MOZILLA = "Mozilla/5.0 "
KHTML = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("agent", "description"),
    [
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (MOZILLA + "(Windows NT 10.0; Win64; x64) " + KHTML + "Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (MOZILLA + "(Windows NT 10.0) " + KHTML + "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) " + KHTML + "Version/18.0 Safari/605.1.15", "Safari on a Mac"),
        (
            MOZILLA + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) " + KHTML + "Version/18.0 Mobile/1 Safari/604.1",
            "Safari on an iPhone",
        ),
        (MOZILLA + "(Linux; Android 15) " + KHTML + "Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (MOZILLA + "(X11; Linux) Something/1", "A browser on Linux"),
        ("curl/8.5.0", "curl 8.5.0"),
        ("python-httpx/0.28 (more)", "python-httpx 0.28"),
        ("x" * 100, "x" * 39 + "…"),
        ("", ""),
    ],
)
def test_a_user_agent_is_described_as_browser_and_system(agent: str, description: str) -> None:
    assert describe_user_agent(agent) == description
