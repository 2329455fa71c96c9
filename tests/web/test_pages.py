"""The files of the screens: nothing inline, nothing from elsewhere, all of it typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tieline.web.pages import STATIC, chart_folder

FILES = sorted(path for path in STATIC.iterdir() if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_reaches_out_or_goes_around_the_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    if path.suffix == ".html":
        assert not re.search(r"<style|style=|<script>|\son\w+=", text)


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".html"], ids=lambda path: path.name)
async def test_everything_that_a_page_names_is_there(client: httpx.AsyncClient, path: Path) -> None:
    for address in re.findall(r'(?:href|src)="(/[^"]+)"', path.read_text()):
        assert (await client.get(address)).status_code == 200


def test_colours_are_named_in_the_tokens_only() -> None:
    for path in FILES:
        if path.suffix in {".css", ".js"} and path.name != "tokens.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;,\s)])|\brgba?\(", path.read_text()), path.name


def test_both_themes_name_the_same_tokens() -> None:
    text = (STATIC / "tokens.css").read_text()
    night, day = (
        set(re.findall(r"(--[\w-]+):", part)) for part in text.split('[data-theme="night"]')[1].split('[data-theme="day"]')
    )
    assert night == day


async def test_the_chart_library_comes_from_its_wheel_without_importing_it(client: httpx.AsyncClient) -> None:
    script = await client.get("/vendor/uplot.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "leeoniya/uPlot" in script.text[:400]
    assert "/site-packages/" in chart_folder().as_posix()
    assert "uplot" not in sys.modules
    assert "IPython" not in sys.modules


@pytest.mark.parametrize("script", ["frames.test.mjs", "buckets.test.mjs", "format.test.mjs"])
def test_the_modules_pass_their_own_tests_in_node(script: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    command = [node, "--no-warnings", "--test", str(Path(__file__).parent / "node" / script)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
