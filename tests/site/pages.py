"""A page of the site as a program reads it: links, identifiers, words, formulas."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@dataclass
class Page:
    """``loads`` are files that the browser gets by itself, ``links`` those for the reader."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    words: str = ""
    formulas: int = 0


class Reader(HTMLParser):
    """Fills a Page."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.page.ids.update(values[name] for name in ("id", "name") if name in values)
        self.page.formulas += tag == "math"
        self.silent += tag in ("script", "style")
        if tag == "a" and "href" in values:
            self.page.links.append(values["href"])
        if values.get(LOADS.get(tag, "")):
            self.page.loads.append(values[LOADS[tag]])

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.page.words += data


def read(path: Path) -> Page:
    """The page in an HTML file."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.page.words = squeezed(reader.page.words)
    return reader.page


def squeezed(text: str) -> str:
    """Text without white space, for a comparison of words alone."""
    return "".join(text.split())
