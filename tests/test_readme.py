"""What the README and the pages of the documentation show works as it stands there."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from analysis.__main__ import COMMANDS
from analysis.citation import BIBTEX
from analysis.dumps import ReadingPlan, inspect
from analysis.dumps.plan.plan import PLAN_FILE
from analysis.survey.overview import overview
from analysis.survey.warnings import list_warnings
from analysis.training.shipped_run import DYING
from app.session import permissions, services
from app.session.services import EXAMPLE, EXAMPLE_DUMP
from per_core import open_run
from tests import processes
from tests.pictures.frame import HEIGHT, SCALE, WIDTH
from tests.waiting import wait_for

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "assets" / "docs"
PAGES = {path.stem: path for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
MOST_LINES = 150  # of the README, which is a first look; the rest is in the pages
PICTURES = ROOT / "assets" / "pictures"
MOST_BYTES = 2_000_000  # of an animated picture


def section(page: str, title: str) -> str:
    """What stands below a heading of a page."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXTS[page], flags=re.DOTALL | re.MULTILINE)[1]


def test_the_first_minute_says_what_the_example_shows() -> None:
    told = " ".join(section("dashboard", "The first minute").split())
    assert f"/dumps?dumps_path={EXAMPLE})" in told
    accuracy = {record.epoch: record.scalars["test_accuracy"] for record in open_run(EXAMPLE_DUMP).records}
    epochs = {(one.layer, one.warning.kind): one.epochs for one in list_warnings(overview(inspect(EXAMPLE_DUMP)))}
    last = max(DYING.epochs)
    assert f"a learning rate of {DYING.spec.learning_rate}" in told
    assert f"reaches {accuracy[2]:.0%} of the test digits at epoch 2".replace("%", " %") in told
    assert "guesses from epoch 4 on" in told
    assert accuracy[3] > 0.3 > 0.15 > max(accuracy[epoch] for epoch in (4, 5, 6))
    assert "layer 1 loses units first, at epoch 2" in told
    assert [key for key, found in epochs.items() if found[0] <= 2] == [("layer 1", "dead")]
    first_look = " ".join(section("README", "My network learns badly: which layer is it\\?").split())
    assert "layer 5 is dead from epoch 3 on" in told
    assert "layer 5 is dead from epoch 3 on" in first_look
    assert (epochs["layer 5", "dead"][0], epochs["layer 5", "dead"][-1]) == (3, last)
    assert "layer 4 explodes from epoch 4 on" in told
    assert "layer 4 explodes from epoch 4 on" in first_look
    assert (epochs["layer 4", "exploding"][0], epochs["layer 4", "exploding"][-1]) == (4, last)


def test_the_report_of_the_first_minute_is_written(tmp_path: Path) -> None:
    (words,) = re.findall(r"^    perscope (report .* --out) report\.html$", TEXTS["dashboard"], flags=re.MULTILINE)
    processes.run([sys.executable, "-m", "analysis", *words.split(), tmp_path / "report.html"], check=True)
    assert "layer 5" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_plan_reads_the_dump_that_it_is_about(tmp_path: Path) -> None:
    text = re.search(r"```toml\n(\[\[arrays\]\].*?)```", TEXTS["dumps"], flags=re.DOTALL)[1]
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for epoch in ("00_25", "10_50"):
            arrays = {"act_fc1": np.ones((5, 3)), "act_fc2": np.ones((5, 2)), "labels": np.arange(5)}
            np.savez(tmp_path / split / f"epoch_{epoch}.npz", **arrays)
    proposed = inspect(tmp_path)
    (tmp_path / PLAN_FILE).write_text(text, encoding="utf-8")
    kept = inspect(tmp_path)
    assert kept.plan == ReadingPlan.from_toml(text) != proposed.plan
    found = [(one.layer, one.epoch, one.split, one.units) for one in kept.members]
    assert found == [(one.layer, one.epoch, one.split, one.units) for one in proposed.members]
    assert ("fc2", 10.5, "test", 2) in found
    assert {one.kind for one in kept.left_out if one.name.startswith("train")} == {"labels"}


def test_the_command_for_a_class_prints_a_key_and_serves(tmp_path: Path) -> None:
    """It listens on this machine only here."""
    found = {
        re.search(r"^    perscope (--class .*)$", TEXTS[page], flags=re.MULTILINE)[1] for page in ("README", "lesson")
    }
    (options,) = found
    words = ["app", *options.replace("0.0.0.0", "127.0.0.1").split()]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "PERSCOPE_RUNS": str(tmp_path)}
    with processes.running(
        [sys.executable, "-m", *words, "--port", port], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert re.fullmatch(r"Class mode: the teacher's key is [A-Z2-9-]{14}\n", server.stdout.readline())
        health = f"http://127.0.0.1:{port}/_stcore/health"
        wait_for(lambda: server.poll() is not None or _answer(health) == b"ok")
        assert server.poll() is None


def _answer(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.read()
    except OSError:
        return b""


def test_the_variables_of_a_class_are_those_of_the_code() -> None:
    about = section("lesson", "A class")
    assert set(re.findall(r"^\| `(\w+)` \|", about, flags=re.MULTILINE)) == {
        permissions.CLASS_VARIABLE,
        permissions.KEY_VARIABLE,
        services.CLASSES_VARIABLE,
        services.HOURS_VARIABLE,
    }
    assert f"{permissions.UPLOAD_MB} MB together" in " ".join(about.split())
    assert f"`{services.CLASSES_FILE}`" in about
    assert f"of {permissions.SHORTEST_KEY} signs at least" in about


def test_every_variable_that_the_code_reads_is_explained_and_no_other() -> None:
    """In the tables of the pages."""
    files = [file for package in ("app", "analysis", "per_core") for file in (ROOT / package).rglob("*.py")]
    read = {name for file in files for name in re.findall(r"PERSCOPE_[A-Z_]+", file.read_text(encoding="utf-8"))}
    explained = [name for text in TEXTS.values() for name in re.findall(r"^\| `(PERSCOPE_\w+)` \|", text, re.MULTILINE)]
    assert sorted(explained) == sorted(read)


def test_the_readme_is_a_first_look() -> None:
    assert len(TEXTS["README"].splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    "page", [*PAGES.values(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.stem
)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files and pictures exist, and pages have the headings that others name."""
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text):
        target, _, anchor = "".join(link).partition("#")
        if not target.startswith("http"):
            path = (page.parent / target) if target else page
            assert path.resolve().is_file(), target
            is_name = anchor.startswith("per_core.")  # in the reference; the tests of the site look for it
            assert not anchor or is_name or anchor in _anchors(path.read_text(encoding="utf-8")), link


def _anchors(text: str) -> set[str]:
    """The names that headings have in an address."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)  # in code # begins a comment
    titles = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`", TEXTS[page])) <= targets
    assert set(re.findall(r"^    perscope ([a-z]+)", TEXTS[page], flags=re.MULTILINE)) <= set(COMMANDS)


def test_pictures_are_alike_and_each_is_shown() -> None:
    """All have one size, each has a description, and the film begins with the picture that stands in for it."""
    shown = "".join(TEXTS.values())
    for path in PICTURES.iterdir():
        assert path.name in shown
        with Image.open(path) as picture:
            assert picture.size == (SCALE * WIDTH + 2, round(SCALE * HEIGHT) + 2), path.name
    assert not re.search(r"!\[\]|<img(?![^>]* alt=\"\w)", shown)
    film = PICTURES / "figure2.webp"
    assert film.stat().st_size <= MOST_BYTES
    with Image.open(film) as moving, Image.open(PICTURES / "figure2.png") as still:
        assert moving.n_frames > 10
        difference = ImageChops.difference(moving.convert("RGB"), still.convert("RGB"))
        assert ImageStat.Stat(difference).mean < [1, 1, 1]  # of 255: the picture has fewer colours


@pytest.mark.parametrize("page", ["README", "recorder"])
def test_the_terminal_view_is_what_the_command_prints(page: str) -> None:
    (shown,) = re.findall(r"```text\n(Digits ReLU network.*?)```", TEXTS[page], flags=re.DOTALL)
    width = str(max(map(len, shown.splitlines())))
    command = [sys.executable, "-m", "analysis", "watch", "--once", "example"]
    printed = processes.run(command, env={**os.environ, "COLUMNS": width, "PYTHONIOENCODING": "utf-8"})
    assert printed.returncode == 1, printed.stderr  # layers have died
    assert [line.rstrip() for line in printed.stdout.splitlines()[: len(shown.splitlines())]] == shown.splitlines()


@pytest.mark.parametrize("page", ["README", "recorder"])
def test_the_lines_of_the_callbacks_are_those_of_their_modules(page: str) -> None:
    """Which are tested in their frameworks."""
    folder = ROOT / "per_core" / "recording" / "callbacks"
    texts = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.py")}
    lines = {name: re.search("`(.*?)`", text)[1] for name, text in texts.items() if "class Recording(" in text}
    assert lines == dict(re.findall(r"\| `per_core\.recording\.callbacks\.(\w+)` \| `(.*)` \|", TEXTS[page]))


def test_the_readme_says_how_to_cite() -> None:
    (shown,) = re.findall(r"```bibtex\n(.*?)```", TEXTS["README"], flags=re.DOTALL)
    assert shown.split() == BIBTEX.split()
