"""Lighthouse's marks of four pages: the home page, the dashboard, a table of 100,000 rows, and the preview of 17 columns.

    LIGHTHOUSE=path/to/lighthouse CHROME_PATH=/usr/bin/chromium python -m benchmarks.lighthouse [mobile|desktop] [runs] [page ...]

Lighthouse is no dependency of the project: `npm install lighthouse` in any folder brings it. A line is a page: the medians
of the runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.people import Cookies, sign_up
from tests.import_states import add_import
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS, add_table

ROWS, PREVIEW_ROWS, PREVIEW_COLUMNS = 100_000, 4_464, 17
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FIGURES = (
    "first-contentful-paint",
    "largest-contentful-paint",
    "total-blocking-time",
    "cumulative-layout-shift",
    "speed-index",
)
NEEDED_WEIGHT = 0.9  # of an audit's score, below which it is named


def main(preset: str = "mobile", runs: str = "3", *names: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with Server("webapp:create_app", data, registration="open") as server:
            cookies = sign_up(server)
            for name, address in pages(server, Path(folder)).items():
                if not names or name in names:
                    results = [
                        measure(server, address, cookies if name != "home" else [], preset) for _ in range(int(runs))
                    ]
                    report(name, preset, results)


def pages(server: Server, folder: Path) -> dict[str, str]:
    """The address of each page by its name."""
    rows = [
        (f"row {number}", str(number % 97), f"{number / 10:.1f}", "a few words", "2026-11-27")
        for number in range(1, ROWS + 1)
    ]
    table = add_table(
        server.data_dir,
        {"Name": "text", "Number": "integer", "Part": "decimal", "Note": "text", "Day": "date"},
        rows,
        title="Many",
    )
    add_table(server.data_dir, PLANETS, PLANET_ROWS)
    file = folder / "delays.csv"
    lines = [",".join(f"column_{number}" for number in range(PREVIEW_COLUMNS))]
    lines += [
        ",".join("NA" if not (row + number) % 40 else str(row * 7 + number) for number in range(PREVIEW_COLUMNS))
        for row in range(PREVIEW_ROWS)
    ]
    file.write_text("\n".join(lines) + "\n")
    preview = add_import(server.data_dir, file, "ready")
    return {"home": "/", "dashboard": "/dashboard", "table": f"/tables/{table}", "preview": preview}


def measure(server: Server, address: str, cookies: Cookies, preset: str) -> dict[str, Any]:
    command = [
        os.environ.get("LIGHTHOUSE", "lighthouse"),
        f"http://localhost:{server.port}{address}",
        "--quiet",
        "--output=json",
    ]
    command += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu", f"--only-categories={','.join(CATEGORIES)}"]
    command += ["--preset=desktop"] if preset == "desktop" else []
    if cookies:
        command.append(
            "--extra-headers=" + json.dumps({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies)})
        )
    found: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout
    )
    return found


def report(name: str, preset: str, results: list[dict[str, Any]]) -> None:
    marks = [
        round(100 * statistics.median(result["categories"][each]["score"] or 0 for result in results))
        for each in CATEGORIES
    ]
    figures = {
        each: statistics.median(result["audits"][each]["numericValue"] for result in results) for each in FIGURES
    }
    size = results[0]["audits"]["total-byte-weight"]["numericValue"] / 1000
    failing = sorted(
        {
            reference["id"]
            for result in results
            for category in result["categories"].values()
            for reference in category["auditRefs"]
            if fails(result["audits"][reference["id"]], reference["weight"])
        }
    )
    times = " ".join(
        f"{''.join(word[0] for word in each.split('-')).upper()} {value:.3g}" for each, value in figures.items()
    )
    print(f"{name:10} {preset:8} {'/'.join(map(str, marks)):16} {times} {size:.0f} kB {' '.join(failing)}", flush=True)


def fails(audit: dict[str, Any], weight: float) -> bool:
    return bool(weight) and audit["score"] is not None and audit["score"] < NEEDED_WEIGHT


if __name__ == "__main__":
    main(*sys.argv[1:])
