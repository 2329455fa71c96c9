"""The files of the screens: nothing inline, nothing from elsewhere, all of it typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tieline.web.pages import PAGES, chart_folder
from tieline.web.skeleton import STATIC, Page, render

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
AT_CENTER = [page for page in PAGES if not page.is_of_login and not page.is_of_network]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_reaches_out_or_goes_around_the_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("page", AT_CENTER, ids=lambda page: page.name)
async def test_a_page_has_nothing_inline_and_all_that_it_names_is_there(client: httpx.AsyncClient, page: Page) -> None:
    answer = await client.get(page.path.format(site="northgate", device="rtu-1", name="t1-p"))
    assert answer.status_code == 200
    assert not re.search(r"<style|style=|<script>|\son\w+=", answer.text)
    named = re.findall(r'(?:href|src)="(/[^"]+)"', answer.text)
    assert f"/static/{page.module}" in named
    for address in named:
        assert (await client.get(address)).status_code == 200, address


async def test_the_navigation_says_where_one_is_and_how_to_get_elsewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/trend")).text
    assert re.findall(r'<a href="(\S+)" data-keys="g \w" aria-current="page">', text) == ["/trend"]
    offered = re.findall(r'data-keys="(g \w)"', text)
    assert len(offered) == len(set(offered)) > 3


def test_every_module_is_a_page_s_or_is_used_by_another_one() -> None:
    scripts = [path for path in FILES if path.suffix == ".js"]
    used = {name for path in scripts for name in re.findall(r'from "\.{1,2}/(?:\w[\w-]*/)*([\w-]+\.js)"', path.read_text())}
    used |= {page.module.rpartition("/")[2] for page in PAGES} | {"theme.js", "refused.js"}
    assert {path.name for path in scripts} - used == set()


def test_the_name_of_the_utility_is_text_and_no_markup() -> None:
    text = render(PAGES[0], "<b>R&D</b>", [])
    assert "<b>" not in text
    assert "&lt;b&gt;R&amp;D&lt;/b&gt;" in text


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


@pytest.mark.parametrize("script", sorted(path.name for path in (Path(__file__).parent / "node").glob("*.test.mjs")))
def test_the_modules_pass_their_own_tests_in_node(script: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    command = [node, "--no-warnings", "--test", str(Path(__file__).parent / "node" / script)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
