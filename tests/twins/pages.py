"""Pages read strictly: every tag closed in its turn, tables of rows of cells, ids once."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Page", "read_page"]

EMPTY = {"meta", "br", "link"}
INSIDE = {
    "tr": {"thead", "tbody", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
    "thead": {"table"},
    "tbody": {"table"},
    "tfoot": {"table"},
}


class Page(HTMLParser):
    """What a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.lang: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on")]
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.sources += [
            str(given[name]) for name in ("src", "href", "xlink:href") if given.get(name)
        ]
        if tag == "html":
            self.lang = given.get("lang")
        if tag in EMPTY:
            return
        assert tag not in INSIDE or self.open[-1] in INSIDE[tag]
        self.open.append(tag)
        if tag in ("title", "h1", "h2", "h3") and "svg" not in self.open:
            self.titles.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] in ("style", "script"):
            return
        self.texts.append(data)
        if self.open[-1] in self.titles and "svg" not in self.open:
            self.titles[self.open[-1]][-1] += data


def read_page(html: str) -> Page:
    """Read a page; an error where it is not well-formed."""
    assert html.startswith("<!DOCTYPE html>")
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    return page
