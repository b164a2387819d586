"""The README and the pages of the documentation say what the code gives, and build into a site without a network."""

import contextlib
import doctest
import io
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch

import per_core
from analysis.__main__ import COMMANDS
from tests import processes
from tests.test_examples import PUBLIC

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "assets" / "docs"
PAGES = {path.stem: path for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))}
GUIDES = ["mathematics", "practitioners"]  # whose numbers are computed on the page
BLOCK = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
NUMBER = re.compile(r"(?<![\d.])\d+\.\d{2,}(?![\d.])")
INSIDE_TORCH = "ignore::DeprecationWarning", "ignore::FutureWarning"  # torch.compile calls what torch has deprecated


def guide(name: str) -> str:
    return PAGES[name].read_text(encoding="utf-8")


@cache
def outcome(name: str) -> tuple[str, str]:
    """What the blocks of a page print, one after the other in an empty folder, and what is not as the page has it."""
    namespace: dict[str, object] = {}
    printed, told = io.StringIO(), io.StringIO()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        try:
            for block in BLOCK.findall(guide(name)):
                if block.startswith(">>> "):
                    example = doctest.DocTestParser().get_doctest(block, {}, name, None, None)
                    example.globs = namespace
                    doctest.DocTestRunner().run(example, out=told.write, clear_globs=False)
                else:
                    exec(compile(block, name, "exec"), namespace)
        finally:
            torch.set_default_dtype(torch.float32)
    return printed.getvalue(), told.getvalue()


@pytest.mark.parametrize("name", [name for name in PAGES if BLOCK.search(guide(name))])
@pytest.mark.filterwarnings(*INSIDE_TORCH)
def test_the_code_of_a_page_gives_what_it_shows(name: str) -> None:
    _, wrong = outcome(name)
    assert not wrong, wrong


@pytest.mark.parametrize("name", GUIDES)
@pytest.mark.filterwarnings(*INSIDE_TORCH)
def test_the_numbers_of_a_page_are_computed_or_in_the_changelog(name: str) -> None:
    known = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for one in GUIDES:
        known += outcome(one)[0] + "".join(BLOCK.findall(guide(one)))
    prose = re.sub(r"\]\([^)]*\)|(?:arXiv|theorem|section) [\d.]+", "", BLOCK.sub("", guide(name)))
    assert [number for number in NUMBER.findall(prose) if number not in known] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` makes; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    (command,) = re.findall(r"-m (sphinx .*) -d \S+ assets/docs build/docs", (ROOT / "Makefile").read_text())
    build = [sys.executable, "-m", *command.split(), "-d", folder / "doctrees", DOCS, folder / "html"]
    run = processes.run(build, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "html"


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    found = set(re.findall(r'<dt class="sig sig-object py" id="([\w.]+)"', pages))
    assert {f"per_core.{name}" for name in per_core.__all__} <= found
    assert {name for name in PUBLIC if name not in per_core.__all__} <= {name.rpartition(".")[2] for name in found}


def test_the_reference_has_the_help_of_the_dashboard_and_of_every_command(site: Path) -> None:
    page = re.sub("<[^>]+>", "", (site / "reference" / "commands.html").read_text(encoding="utf-8"))
    assert "--port" in page
    for command in COMMANDS:
        assert re.search(rf"usage: [\w -]+ {command} ", page)


def test_the_site_asks_for_nothing_from_outside_and_draws_every_formula(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]*"', text) == []
    assert "<math" in (site / "mathematics.html").read_text(encoding="utf-8")
