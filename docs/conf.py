"""The site: `python -m sphinx -W -c docs . build/site`, from the root of the repository.

The root is the source folder, so that a link between two Markdown files is the same on the site and
on GitHub. The lessons' pages come with their figures and results: nothing is run here, so MyST-NB,
which runs what it shows, is not needed on top of MyST-Parser (docs/site.md).
"""

import sys
from importlib.resources import files
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

project = "minicnn"
root_doc = "docs/index"
include_patterns = [
    "*.md", "docs/**.md", "lessons/README.md", "lessons/[0-9]*/README.md",
    "minicnn/learn/README.md", "minicnn/data/digits.LICENSE.md", "benchmarks/README.md",
]  # fmt: skip
exclude_patterns = [".*", "build", "dist", "runs", "my", "tests", "**/__pycache__"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "rendering"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a level of headings may be left out

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 100

smartquotes = False  # H' is H prime

html_theme = "furo"
html_title = "minicnn"
html_math_renderer = "mathml"
# Browsers set mathematics well in a font that is made for it, which not every computer has.
html_static_path = ["_static", str(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf")]
html_css_files = ["site.css"]
html_additional_pages = {"index": "home.html"}
templates_path = ["_templates"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
