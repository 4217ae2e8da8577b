"""For mkdocs: pages that lie at the root of the repository, links that lead out of docs/, and where
the docstrings are."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parents[1]
# By their names on the site.
OUTSIDE: Final = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "NOTICE": "NOTICE",
    "LICENSE": "LICENSE",
}
LINK: Final = re.compile(r"(\]\(|src=\")(?:\.\./|docs/)?([^)\s\"#]+)")
_copy: Path | None = None
NAMES: Final = {there: here for here, there in OUTSIDE.items()}


def _with_docstrings(config: Any) -> Any:
    """Have the docstrings read from a copy: mapper/io and its like are links, and folders without
    an __init__.py, which griffe does not look into. Nothing is imported."""
    global _copy
    _copy = copy = Path(tempfile.mkdtemp(prefix="mapper-docs-"))
    shutil.copytree(ROOT / "mapper", copy / "mapper", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (copy / "mapper").rglob("*/"):
        (folder / "__init__.py").touch()
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [str(copy)]
    return config


on_config = event_priority(100)(_with_docstrings)  # before mkdocstrings looks at it


def on_post_build(**_: Any) -> None:
    """The copy has served."""
    if _copy is not None:
        shutil.rmtree(_copy)


def on_files(files: Files, config: Any) -> Files:
    """Add what lies outside."""
    for here, there in OUTSIDE.items():
        files.append(File.generated(config, here, abs_src_path=str(ROOT / there)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of and to the pages from the root, as the site has them."""
    is_outside = page.file.src_uri in OUTSIDE
    return LINK.sub(lambda m: _rewritten(m, is_outside), markdown)


def _rewritten(match: re.Match[str], is_outside: bool) -> str:
    whole, before, target = match.group(0), match.group(1), match.group(2)
    leads_out = whole.startswith((f"{before}../", f"{before}docs/"))
    if is_outside or (leads_out and target in NAMES):
        return before + NAMES.get(target, target)
    return whole
