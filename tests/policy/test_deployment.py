"""Container and systemd unit bound what the server may take by the same limits; the image pins what it is made of."""

import re
from pathlib import Path
from typing import Any

import yaml

from webapp.cli.doctor import MIN_DESCRIPTORS, MIN_MEMORY, MIN_PROCESSES

ROOT = Path(__file__).parents[2]
BYTES = {"G": 1 << 30, "M": 1 << 20}


def container() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["app"]
    return service


def unit() -> dict[str, str]:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return dict(line.split("=", 1) for line in found.splitlines() if "=" in line)


def size(text: str) -> int:
    return int(text[:-1]) * BYTES[text[-1].upper()]


def test_container_and_unit_have_the_same_limits_and_they_are_enough() -> None:
    made, written = container(), unit()
    limits = (made["ulimits"]["nofile"], made["pids_limit"], size(made["mem_limit"]))

    assert limits == (int(written["LimitNOFILE"]), int(written["TasksMax"]), size(written["MemoryMax"]))
    assert all(
        limit >= least for limit, least in zip(limits, (MIN_DESCRIPTORS, MIN_PROCESSES, MIN_MEMORY), strict=True)
    )


def test_the_image_is_made_of_exact_versions() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-[a-z-]+@sha256:[0-9a-f]{64}", base) for base in bases)
    uv = re.search(r"pip install --no-cache-dir uv==(\d+\.\d+\.\d+)$", text, re.MULTILINE)
    assert uv is not None
    environment = (ROOT / "bin" / "_environment").read_text(encoding="utf-8")
    assert f"UV_VERSION={uv[1]} " in environment
    assert re.findall(r"pip install .*\buv\b.*", environment) == [
        'pip install --quiet --quiet --disable-pip-version-check "uv==$UV_VERSION"'
    ]
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert container()["image"] == f"rowcast:{version[1]}"
