"""How the documents become a site, which `make docs` builds; a warning is an error."""

import re
from importlib.metadata import version as _version
from pathlib import Path

from sphinx.application import Sphinx

project = "forget"
author = "The forget developers"
project_copyright = f"2026, {author}"
release = _version("forget-llm")

extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["_build", "README.md", "examples/*/**"]  # index.md includes README.md
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = "forget"
html_copy_source = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>\.\.?/[^)#\s]+)(?:#[^)\s]*)?\)")


def setup(app: Sphinx) -> None:
    """Have links that leave the site name what they lead to: it is in the source tree."""
    app.connect("source-read", _name_what_is_outside)


def _name_what_is_outside(app: Sphinx, docname: str, content: list[str]) -> None:
    root, here = Path(app.srcdir), (Path(app.srcdir) / docname).parent

    def named(match: re.Match[str]) -> str:
        target = (here / match["target"]).resolve()
        if target.is_file() and target.is_relative_to(root):
            return match[0]
        text, path = match["text"], target.relative_to(root.parent).as_posix()
        return f"`{path}`" if path in text else f"{text} (`{path}`)"

    content[0] = _LINK.sub(named, content[0])
