"""The site as a whole: it builds without a warning, and a browser shows what was written."""

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

from minicnn import ops
from minicnn.testing.doctor import OPS
from tests.house import ROOT
from tests.site import browser
from tests.site.pages import Page, read, squeezed

NEEDED = ("sphinx", "myst_parser", "furo", "math_core", "ziamath")
ABSENT = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(ABSENT), reason=f"needs {', '.join(ABSENT)}: pip install -e '.[docs]'"
)
COMMAND = "-m sphinx -W -c docs . build/site"
LESSONS = sorted(path.parent.name for path in ROOT.glob("lessons/[0-9]*/README.md"))
API = {
    module: page.stem
    for page in sorted(ROOT.glob("docs/api/*.md"))
    for module in re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8"))
}
# What is listed twice is shown in the module that it comes from.
ELSEWHERE = {"minicnn.models.Preset", "minicnn.train.Metrics"}
WIDTHS = (1280, 390)
SEARCHES = {
    "im2col": "/lessons/11_im2col/README.html",
    "conv_transpose2d": "/docs/api/ops.html",
    "EarlyStopping": "/docs/api/train.html",
}


def build(source: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = COMMAND.split()
    command[-2:] = [str(source), str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command, "-q", *options],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    out, said = folder / "site", folder / "site.txt"
    with FileLock(folder / "site.lock"):
        if not said.exists():
            result = build(ROOT, out)
            said.write_text(f"{result.returncode}\n{result.stdout}{result.stderr}")
    assert said.read_text() == "0\n", "the site must build without warnings"
    return out


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """Every page, by its path in the site."""
    return {path.relative_to(site).as_posix(): read(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="session")
def seen(site: Path, pages: dict[str, Page], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Chromium sees of every page."""
    if browser.program() is None:
        pytest.skip("needs Chromium: apt install chromium")
    names = [f"/{name}" for name in pages if (ROOT / name).with_suffix(".md").exists()]
    profile = tmp_path_factory.mktemp("browser") / "profile"
    return browser.visit(site, names, WIDTHS, list(SEARCHES), profile)


def test_readme_shows_the_command():
    assert COMMAND in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_formula_that_cannot_be_shown_fails_the_build(tmp_path):
    (tmp_path / "index.md").write_text("# One\n\nA $\\frac{1}$ is no formula.\n")
    options = ["-D", "root_doc=index", "-D", "include_patterns=index.md"]
    result = build(tmp_path, tmp_path / "out", *options)
    assert result.returncode != 0
    assert "index.md:3: WARNING: a formula cannot be shown" in result.stderr


def fault(link: str, name: str, site: Path, pages: dict[str, Page]) -> str | None:
    """What is wrong with a link of the page ``name`` to somewhere inside the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = site / name
    path = (path.parent / unquote(parts.path) if parts.path else path).resolve()
    if not path.is_file():
        return f"{name}: no file for {link}"
    target = pages.get(path.relative_to(site.resolve()).as_posix())
    known = not parts.fragment or target is None or unquote(parts.fragment) in target.ids
    return None if known else f"{name}: no place for {link}"


def test_no_link_inside_is_broken(site, pages):
    faults = {
        fault(link, name, site, pages) for name, page in pages.items()
        for link in page.links + page.loads
    }  # fmt: skip
    assert faults == {None}


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loads = [load for page in pages.values() for load in page.loads]
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        loads += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", text)
    assert any(load.endswith("STIXTwoMath-Regular.ttf") for load in loads)
    assert not [load for load in loads if urlsplit(load).netloc]


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(pages, name):
    """All figures, formulas and sections of the lesson's Markdown are on its page."""
    text = (ROOT / "lessons" / name / "README.md").read_text(encoding="utf-8")
    page = pages[f"lessons/{name}/README.html"]
    figures = re.findall(r"(?m)^!\[(.*)\]\(\w+\.svg\)$", text)
    assert figures and len({load for load in page.loads if "/_images/" in load}) == len(figures)
    prose = re.sub(r"(?s)```.*?```|`[^`\n]*`|<!--.*?-->", "", text)
    formulas = re.findall(r"(?ms)^\$\$$.*?^\$\$$|\$[^$\n]+\$", prose)
    assert page.formulas == len(formulas)
    for heading in re.findall(r"(?m)^#+ (.*)$", prose):
        assert squeezed(heading) in page.words


def public(module: ModuleType) -> list[str]:
    return [
        name for name in module.__all__
        if not isinstance(getattr(module, name), ModuleType)
        and f"{module.__name__}.{name}" not in ELSEWHERE
    ]  # fmt: skip


def test_every_package_of_the_library_is_in_the_reference():
    rooms = {p.parent.name for p in ROOT.glob("minicnn/*/__init__.py")}
    shown = {module.split(".")[1] for module in API if "." in module}
    assert rooms - shown == {"cli", "kernels", "pickles"}, "these have no public names of their own"


@pytest.mark.parametrize("name", API)
def test_reference(pages, name):
    """Every public name has an entry, and its docstring is there word by word."""
    module, page = importlib.import_module(name), pages[f"docs/api/{API[name]}.html"]
    for member in public(module) if hasattr(module, "__all__") else []:
        thing = getattr(module, member)
        if inspect.isclass(thing) or inspect.isroutine(thing):  # not constants and types of lists
            assert f"{name}.{member}" in page.ids
            assert plain(inspect.getdoc(thing)) in page.words, member
    assert plain(module.__doc__) in page.words


def plain(docstring: str | None) -> str:
    lines = [re.sub(r"^\* ", "", line) for line in (docstring or "").splitlines()]
    text = re.sub(r"(?<!\S)\*([a-z]+)\*", r"\1", "\n".join(lines))
    return squeezed(text.replace("``", "").replace("`", ""))


def test_op_table(pages):
    page = pages["docs/ops.html"]
    for name in ops.__all__:
        assert f"api/ops.html#minicnn.ops.{name}" in page.links
        assert plain(getattr(ops, name).__doc__.strip().splitlines()[0]) in page.words
    assert "conv2d" in OPS
    assert squeezed("(2, 4, 5, 3), (4, 2, 3, 2), (4,) → (2, 4, 3, 4)yes") in page.words


@cache
def title(page: str) -> str:
    source = ROOT / page.strip("/").replace(".html", ".md")
    return re.search(r"(?m)^# (.*)$", source.read_text(encoding="utf-8"))[1].replace("`", "")


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_in_a_browser(seen, pages, width):
    """Headings, figures and mathematics are drawn, and no page is wider than the window."""
    assert "error" not in seen
    assert not seen["missing"]
    shown = {name: sizes[str(width)] for name, sizes in seen["pages"].items()}
    assert len(shown) > len(LESSONS) + len(API)
    for name, page in shown.items():
        assert page["heading"] == title(name), name
        assert all(size > 0 and alt for _, size, alt in page["images"]), (name, page["images"])
        assert page["formulas"] == pages[name.strip("/")].formulas
        assert page["flat"] == 0, f"{name}: formulas without a size"
        assert not page["formulas"] or "STIX Two Math" in page["fonts"], name
        assert page["too_wide"] <= 0, f"{name} is {page['too_wide']} pixels too wide"
    assert sum(len(page["images"]) for page in shown.values()) >= len(
        list(ROOT.glob("lessons/*/*.svg"))
    )


@pytest.mark.parametrize("words", SEARCHES)
def test_search_box(seen, words):
    assert SEARCHES[words] in seen["found"][words]
