"""What the documents point at is there, and what maintainers are told to run exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mapper.cli import COMMANDS
from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s#]+)(?:#([\w-]+))?\)")
PLACE = re.compile(r"`((?:frontends|backend|io|mapper|tools|tests|configs|docs)/[\w/.]+)`")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAVIGATION = re.compile(r"^ +- (?:\w+: )?([\w/]+\.md)$", re.MULTILINE)
FROM_THE_ROOT = {"index.md", "changelog.md", "contributing.md"}  # tools/docs_site.py brings them
KNOWN = {name for folder in COMMANDS.values() for name in folder}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [m.group(1) for m in LINK.finditer(page.read_text(encoding="utf-8"))]
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked by on the site."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = (
        re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", h) for h in re.findall(r"^#+ (.+)$", text, re.M)
    )
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", h).strip().lower()) for h in headings}


def test_links_into_a_page_lead_to_a_heading_of_it() -> None:
    into = [
        (page, page.parent / link if link else page, anchor)
        for page in PAGES
        for link, anchor in re.findall(r"\]\(([^)\s#:]*)#([\w-]+)\)", page.read_text("utf-8"))
    ]
    assert len(into) > 10
    assert [(name(page), anchor) for page, at, anchor in into if anchor not in anchors(at)] == []


def test_contributors_are_sent_to_places_that_exist() -> None:
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "decisions").glob("*.md")]
    named = {place for page in pages for place in PLACE.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 10
    assert [place for place in named if "NAME" not in place and not (ROOT / place).exists()] == []


def test_commands_in_the_documents_exist() -> None:
    typed = {
        (name(page), command)
        for page in PAGES
        for block in re.findall(
            r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
        )
        for command in re.findall(r"^mapper ([a-z0-9]+)", block, re.M)
    }
    assert len(typed) > 20
    assert [each for each in sorted(typed) if each[1] not in KNOWN] == []


def test_every_page_is_in_the_sites_navigation() -> None:
    listed = NAVIGATION.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = {p.relative_to(ROOT / "docs").as_posix() for p in PAGES if p.parent != ROOT}
    assert sorted(listed) == sorted(pages | FROM_THE_ROOT)


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\w+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted([*listed, "README.md"]) == sorted(path.name for path in folder.iterdir())


def test_the_templates_ask_for_what_a_report_needs() -> None:
    templates = ROOT / ".github" / "ISSUE_TEMPLATE"
    for path in sorted(templates.glob("*.yml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8")), path
    for kind in ("bug", "wrong_map"):
        text = (templates / f"{kind}.yml").read_text(encoding="utf-8")
        assert "mapper doctor --json" in text and "run.yaml" in text


def test_the_workflow_runs_what_there_is() -> None:
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    jobs = {"tests", "installs", "docs", "container", "newest"}
    assert set(yaml.safe_load(workflow)["jobs"]) == jobs
    targets = re.findall(r"run: make (\w+)", workflow)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets and all(f"\n{target}:" in makefile for target in targets)
    scripts = re.findall(r"run: bash (\S+)", workflow)
    assert len(scripts) == 2 and all((ROOT / script).is_file() for script in scripts)
