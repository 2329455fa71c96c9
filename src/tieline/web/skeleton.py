"""What every page is before its script runs: the head, the way around, an empty main part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tieline.config.fields import Role
from tieline.web.modules import imported_by

STATIC = Path(__file__).parent / "static"
CHART_HEAD = ('<link rel="stylesheet" href="/vendor/uplot.css">', '<script src="/vendor/uplot.js" defer></script>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: where it is, what it is called, what it is made of, and for whom it is."""

    path: str
    """The route; `{site}` in it has to name a site, `{place}` a site or another place where nodes of the network stand."""
    title: str
    """In the browser's title and as the heading until the page's script says more; also in the navigation."""
    module: str
    """Its script, under `/static`."""
    styles: tuple[str, ...] = ()
    """Under `/static`, besides those that every page has."""
    keys: str = ""
    """The keys that open it from anywhere, `g` and another one; a page with keys is in the navigation."""
    roles: frozenset[Role] = frozenset()
    """It is for people with any of them; for everybody where there is none."""
    is_at_center: bool = False
    """Whether a site's own screen has it not."""
    is_of_login: bool = False
    """Whether it is there only where people log in."""
    is_of_remote_access: bool = False
    """Whether it is there only where the folder opens remote access."""
    is_of_network: bool = False
    """Whether it is there only where the folder describes a network."""
    has_frame: bool = True
    """Whether navigation, alarms and the clock are around it."""

    @property
    def name(self) -> str:
        """What its styles know it by: the script's name."""
        return self.module.removesuffix(".js").rpartition("/")[2]

    def is_for(self, roles: Iterable[Role] | None) -> bool:
        """Whether somebody with these roles may open it; None where nobody logs in."""
        return not self.roles or roles is None or not self.roles.isdisjoint(roles)


def render(page: Page, utility: str, navigation: Sequence[Page], *, is_refused: bool = False, is_live: bool = True) -> str:
    """The page's HTML; one that is refused says for whom it is instead, one that is not live asks for no values."""
    everywhere = ["tokens.css", "base.css", *(["faceplate.css"] if page.has_frame else [])]
    styles = [*everywhere, *([] if is_refused else page.styles)]
    module = "refused.js" if is_refused else page.module
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(page.title)} · {escape(utility)}</title>",
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">',
        '<script src="/static/theme.js"></script>',
        *(CHART_HEAD if page.has_frame else ()),
        *(f'<link rel="stylesheet" href="/static/{style}">' for style in styles),
        *(f'<link rel="modulepreload" href="/static/{needed}">' for needed in imported_by(STATIC, module)),
        f'<script type="module" src="/static/{module}"></script>',
    ]
    lines = "\n    ".join(head)
    links = "".join(_link(one, is_current=one is page) for one in navigation)
    around = f'\n      <nav aria-label="Pages">{links}</nav>' if page.has_frame else ""
    told = f' data-roles="{escape(" ".join(sorted(page.roles)))}"' if is_refused else ""
    told += "" if is_live else " data-without-live"
    return f"""<!doctype html>
<html lang="en" data-theme="night">
  <head>
    {lines}
  </head>
  <body data-page="{page.name}" data-connection="connecting"{told}>
    <a class="skip" href="#main">Skip to content</a>
    <header id="header">
      <a class="utility" href="/">{escape(utility)}</a>
      <h1 id="title">{escape(page.title)}</h1>
      <span class="subtitle" id="subtitle"></span>{around}
    </header>
    <main id="main" tabindex="-1"></main>
  </body>
</html>
"""


def _link(page: Page, *, is_current: bool) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<a href="{page.path}" data-keys="{escape(page.keys)}"{current}>{escape(page.title)}</a>'
