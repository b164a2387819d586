"""The report: one file that holds what the overview says, nothing from outside, and no name that could do harm."""

import html
import math
import os
import re
import shlex
import sys
from datetime import date
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from analysis.__main__ import main
from analysis.command_line import command
from analysis.dumps import inspect
from analysis.survey.heat_scale import HEAT_SCALES
from analysis.survey.histogram_drawing import HistogramDrawing
from analysis.survey.origin import Origin
from analysis.survey.overview import overview
from analysis.survey.report import report_html, write_report
from per_core import Recorder, __version__
from per_core.errors import InvalidInputError
from tests import processes

pytestmark = pytest.mark.long

RANDOM = np.random.default_rng(3)
VOID = {"meta"}
WIDTH = HistogramDrawing.width


class Page(HTMLParser):
    """Tags, attributes and text of a page, after checking that every element is closed where it must be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


def dump(folder: Path) -> Path:
    folder = folder / "dump"
    folder.mkdir()
    for epoch in (1, 2):
        np.savez(
            folder / f"epoch_{epoch}.npz",
            labels=np.array([None]),
            layer_1=RANDOM.normal(size=(300, 8)),
            layer_2=epoch * 300 * RANDOM.normal(size=(300, 8)) * (np.arange(8) > 1),
        )
    return folder


def test_the_report_says_what_the_overview_says(tmp_path) -> None:
    inspection = inspect(dump(tmp_path))
    seen = write_report(inspection, tmp_path / "report.html")
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(written)
    assert written == report_html(inspection, overview(inspection))
    *heat, members = page.tables
    assert len(heat) == len(HEAT_SCALES)
    for table, scale in zip(heat, HEAT_SCALES, strict=True):
        assert table[0] == ["layer / epoch", "1", "2"]
        assert [row[0] for row in table[1:]] == ["layer_2", "layer_1"]  # worst first
        values = seen.table(scale.quantity)
        assert [row[1:] for row in table[1:]] == [[scale.shown(v) for v in row] for row in values[::-1]]
    assert [row[7] for row in members[1:]] == ["refused", "refused", "ok", "ok", "ok", "ok"]
    text = html.unescape(re.sub("<[^>]+>", "", written))
    assert "layer_2 dead, mild, at 2 of 2 epochs; the figures are of epoch 2. 25% of the 8 units never change" in text
    assert "Object arrays are pickles" in text
    assert "n 2,400 · below 0 · above 0 · NaN 0 · infinite 0" in text
    assert f"numpy {np.__version__}" in text


def test_layers_of_too_few_rows_are_not_passed_off_as_well(tmp_path) -> None:
    np.savez(
        tmp_path / "d.npz", **{f"<layer {n}>": np.zeros((4, 3)) for n in range(25)}, well=RANDOM.normal(size=(40, 9))
    )
    inspection = inspect(tmp_path / "d.npz")
    text = html.unescape(re.sub("<[^>]+>", "", report_html(inspection, overview(inspection))))
    assert "No issue found by the rules." in text
    assert "need 32 finite rows, and these have fewer." in text
    assert "Not judged: <layer 0>, <layer 1>" in text
    assert "<layer 19> and 5 more." in text
    assert "well," not in text


def test_a_reason_is_said_once_with_the_lines_to_paste(tmp_path) -> None:
    inspection = inspect(dump(tmp_path))
    written = report_html(inspection, overview(inspection)).partition("<details><summary>2 refused")[0]
    text = html.unescape(re.sub("<[^>]+>", "", written))
    assert "2 members cannot be read: epoch_1.npz/labels, epoch_2.npz/labels" in text
    assert text.count("Object arrays are pickles") == 1
    lines = html.unescape(re.search("<pre>(.*?)</pre>", written, re.DOTALL)[1])
    compile(lines, "pasted", "exec")
    assert len(lines.splitlines()) == 3


def test_the_members_are_folded_away(tmp_path) -> None:
    inspection = inspect(dump(tmp_path))
    written = report_html(inspection, overview(inspection))
    assert re.search(
        r"<details><summary>2 refused, 4 ok</summary>.*<table class=.members.*</table>.*</details>", written, re.DOTALL
    )
    assert "<details open" not in written


NO_WORDS = {
    "PERscope", "report", "dump", "npz", "float", "complex", "PER", "Python", "torch", "cpu", "cu", "numpy", "scipy",
    "safetensors",
}  # fmt: skip


class Marking(NullTranslations):
    """A language that puts every text into brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def test_the_report_is_written_in_a_language(tmp_path, monkeypatch) -> None:
    """Every word of it, but names and numbers of versions; why something is refused or cannot be read as well."""
    layers = {"A": RANDOM.normal(size=(99, 4)), "B": 1e5 * RANDOM.normal(size=(99, 4)), "C": np.ones((9, 2))}
    layers |= {"D": np.full((9, 2), np.nan), "E": np.ones((9, 2), complex), "F": np.ones((9, 2), np.int64)}
    np.savez(tmp_path / "dump.npz", **layers)
    inspection = inspect(tmp_path / "dump.npz")
    asked = []
    monkeypatch.setattr("analysis.survey.report.translations", lambda language: asked.append(language) or Marking())
    written = report_html(inspection, overview(inspection), Origin(language="ko"))
    assert asked == ["ko"]
    assert '<html lang="ko">' in written
    shown = re.sub("<style>.*?</style>|<pre>.*?</pre>", "", written, flags=re.DOTALL)  # commands and plans are code
    text = html.unescape(re.sub("<[^>]+>", " ", shown))
    while text != (text := re.sub("⟦[^⟦⟧]*⟧", " ", text)):
        pass
    words = set(re.findall(r"[A-Za-z]{2,}", text))
    assert words <= NO_WORDS


def test_two_sentences_at_most_are_read_without_a_click(tmp_path) -> None:
    inspection = inspect(dump(tmp_path))
    written = re.sub("<details>.*?</details>", "", report_html(inspection, overview(inspection)), flags=re.DOTALL)
    paragraphs = re.findall("<p>(.*?)</p>", written, re.DOTALL)
    assert len(paragraphs) >= 2 + len(HEAT_SCALES)
    assert [one for one in paragraphs if len(re.findall(r"[.!?](?:\s+(?=[A-Z])|$)", one)) > 2] == []


def command_in(report: Path) -> list[str]:
    """The words of the command that a report says it is made by, after those by which the program is called."""
    written = html.unescape(re.findall("<pre>(.*?)</pre>", report.read_text(encoding="utf-8"), re.DOTALL)[-3])
    program, _, rest = written.partition(" report ")
    assert program == command()
    return ["report", *shlex.split(rest)]


def test_the_command_in_the_report_writes_the_same_report(tmp_path, monkeypatch, capsys) -> None:
    dump(tmp_path).rename(tmp_path / "my dump; rm -rf")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out's").mkdir()
    asked = ["--set", "layer=layer_#", "--date", "2020-02-13", "--language", "ko", "--out", "out's/r.html"]
    assert main(["report", "my dump; rm -rf", *asked]) == 1
    first = (tmp_path / "out's" / "r.html").rename(tmp_path / "first.html")
    written = first.read_text(encoding="utf-8")
    assert f"PERscope {__version__}, 2020-02-13" in written
    words = command_in(first)
    assert set(asked) <= set(words)
    assert main(words) == 1
    assert (tmp_path / "out's" / "r.html").read_text(encoding="utf-8") == written
    capsys.readouterr()


def test_the_command_works_for_names_that_look_like_options(tmp_path, monkeypatch, capsys) -> None:
    dump(tmp_path).rename(tmp_path / "-dump")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--out=-r.html", "--", "-dump"]) == 1
    first = (tmp_path / "-r.html").rename(tmp_path / "first.html")
    assert main(command_in(first)) == 1
    assert (tmp_path / "-r.html").is_file()
    capsys.readouterr()


def test_a_plan_is_in_the_report_and_in_its_command(tmp_path, monkeypatch, capsys) -> None:
    dump(tmp_path)
    (tmp_path / "my.toml").write_text(
        '[[arrays]]\nname = "epoch_{epoch}.npz/{layer:layer_*}"\naxes = ["sample", "unit"]\n'
    )
    monkeypatch.chdir(tmp_path)
    assert main(["report", "dump", "--plan", "my.toml", "--out", "r.html"]) == 1
    written = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<pre>[[arrays]]\nname = &#34;epoch_{epoch}.npz/{layer:layer_*}&#34;" in written
    assert f"{command('report', 'dump', '--plan', 'my.toml')} --date {date.today().year}" in html.unescape(written)
    capsys.readouterr()


def test_the_fingerprint_is_of_the_contents(tmp_path) -> None:
    rows = RANDOM.normal(size=(90, 4)).astype(np.float32)
    prints = []
    for name, values in (("a", rows), ("b", rows), ("c", rows + np.float32(1e-3)), ("d", rows[::-1])):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "epoch_1.npz", layer_1=values, layer_2=rows)
        inspection = inspect(tmp_path / name)
        seen = overview(inspection)
        assert re.fullmatch("[0-9a-f]{32}", seen.fingerprint)
        assert f"Fingerprint of what was read: {seen.fingerprint}." in report_html(inspection, seen)
        np.savez(tmp_path / name / "epoch_2.npz", layer_1=values)
        grown = inspect(tmp_path / name)
        assert overview(grown, earlier=seen).fingerprint == overview(grown).fingerprint != seen.fingerprint
        prints.append(seen.fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_a_report_of_runs_says_what_they_were_asked_for() -> None:
    for name, asked in (("digits_figure2", '"title": "Figure 2 on digits'), ("digits_dying", '"learning_rate": 0.14')):
        inspection = inspect(Path(__file__).parents[3] / "assets" / "runs" / name)
        written = html.unescape(report_html(inspection, overview(inspection)))
        assert f"What was asked for: {name}" in written
        assert asked in written
        assert "@software{perscope," in written
        assert "2002.05366" in written


def test_what_a_run_was_asked_for_is_only_text(tmp_path) -> None:
    evil = "</pre><script>alert(1)</script>\x1b[2J\u202e"
    with Recorder(torch.nn.Sequential(torch.nn.ReLU()), tmp_path / "run", title=evil) as recorder:
        recorder.record(0, inputs=torch.randn(40, 3))
    inspection = inspect(tmp_path / "run")
    page = Page(written := report_html(inspection, overview(inspection)))
    assert "script" not in page.tags
    assert not {"\x1b", "\u202e"} & set(written)


def test_nothing_comes_from_outside(tmp_path) -> None:
    page = Page(report_html(inspection := inspect(dump(tmp_path)), overview(inspection)))
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & set(page.tags)
    assert not {"src", "href", "srcset", "style"} & {name for name, _ in page.attributes}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    contents = [value for name, value in page.attributes if name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in contents
    assert "url(" not in report_html(inspection, overview(inspection))


ATTACKS = (
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "</style><svg onload=alert(1)>",
    "\x1b[2J\u202e",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_are_only_ever_text(tmp_path, attack) -> None:
    np.savez(tmp_path / "d.npz", **{attack: 1e4 * RANDOM.normal(size=(40, 3)), f"{attack}2": np.array([None])})
    inspection = inspect(tmp_path / "d.npz")
    assert len(inspection.readable) == 1
    written = report_html(inspection, overview(inspection))
    page = Page(written)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "\x1b" not in written
    assert "\u202e" not in written


def test_a_folder_with_a_hostile_name_is_only_text(tmp_path) -> None:
    folder = tmp_path / "<script>x<"
    folder.mkdir()
    np.save(os.fsdecode(os.fsencode(folder) + b"/\xff.npy"), np.ones((3, 2)))
    inspection = inspect(folder)
    page = Page(report_html(inspection, overview(inspection)))
    assert "script" not in page.tags
    write_report(inspection, tmp_path / "r.html")


def test_the_histogram_is_drawn_to_scale(tmp_path) -> None:
    values = np.concatenate([np.zeros(300), np.ones(100), [np.nan, np.inf, 50.0]])[:, None]
    np.save(tmp_path / "layer_1.npy", values)
    inspection = inspect(tmp_path)
    seen = overview(inspection)
    written = report_html(inspection, seen)
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", written)[0])
    outline = drawing.find("path[@class='bars']").get("d")
    heights = [110 - float(y) for y in re.findall(r"V([\d.]+)H", outline)]
    ends = [float(x) for x in re.findall(r"H([\d.]+)", outline)]
    assert ends == pytest.approx(np.linspace(0, WIDTH, len(heights) + 1)[1:], abs=0.06)
    counted = seen.histograms["layer_1"]
    assert np.array(heights) == pytest.approx(110 * counted.counts / counted.counts.max(), abs=0.06)
    assert "n 403 · below 0 · above 1 · NaN 1 · infinite 1" in written


def test_the_curve_is_the_normal_density_on_the_same_axes(tmp_path) -> None:
    np.save(tmp_path / "layer_1.npy", np.linspace(-2, 2, 2000)[:, None])
    inspection = inspect(tmp_path)
    seen = overview(inspection)
    curve = re.search(r'class="curve" d="([^"]+)"', report_html(inspection, seen))[1]
    points = [tuple(map(float, pair)) for pair in re.findall(r"[ML]([\d.]+),([\d.]+)", curve)]
    top = seen.histograms["layer_1"].density.max()
    for x, y in points:
        z = -2 + 4 * x / WIDTH
        assert 110 - y == pytest.approx(110 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / top, abs=0.3)
    assert all(abs(-2 + 4 * x / WIDTH) > 0.9 for x, _ in points)  # in the middle it is above the picture


def test_a_dump_of_very_many_members_with_long_names_stays_below_3_mb(tmp_path) -> None:
    values = RANDOM.normal(size=(3, 2)).astype(np.float32)
    for epoch in range(41):
        layers = {f"{'&' * 200}{layer}": values * (300 if layer % 2 else np.nan) for layer in range(101)}
        np.savez(tmp_path / f"epoch_{epoch}.npz", **layers)
    inspection = inspect(tmp_path)
    assert len(inspection.members) == 4141
    written = report_html(inspection, overview(inspection))
    assert len(written.encode()) < 3e6
    assert "3,941 more members are left out here" in written
    assert "1 more layers are left out here" in written
    assert "1 more epochs are left out here" in written


def test_an_old_report_stays_until_the_new_one_is_complete(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    inspection = inspect(tmp_path / "a.npy")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_report(inspection, tmp_path / "nowhere" / "r.html")
    (tmp_path / "r.html").mkdir()
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_report(inspection, tmp_path / "r.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "r.html"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_report_takes_the_place_of_anything_but_a_report(tmp_path) -> None:
    folder = dump(tmp_path)
    (tmp_path / "thesis.html").write_text("<title>Mine</title>")
    (tmp_path / "link.html").symlink_to(folder / "epoch_1.npz")
    (tmp_path / "renamed.html").write_bytes((folder / "epoch_1.npz").read_bytes())
    before = contents(tmp_path)
    for source, out, reason in (
        (folder, folder, "outside of the dump, .* is the dump itself"),
        (folder, folder / "epoch_1.npz", "is in dump. Name a file elsewhere"),
        (folder, folder / "new.html", "is in dump. Name a file elsewhere"),
        (folder, tmp_path / "link.html", "is in dump. Name a file elsewhere"),
        (folder / "epoch_1.npz", folder / "epoch_1.npz", "is the dump itself"),
        (folder / "epoch_1.npz", folder / "epoch_2.npz", r"a web page, .html or .htm; .* epoch_2.npz.html"),
        (folder, tmp_path / "model.pt", "Name it model.pt.html"),
        (folder, tmp_path / "thesis.html", "is another file. Name a new file, or remove this one first"),
        (folder, tmp_path / "renamed.html", "is another file"),
        (folder, tmp_path / "nowhere" / "r.html", "there is no such folder"),
    ):
        read: list[int] = []
        with pytest.raises(InvalidInputError, match=reason):
            write_report(inspect(source), out, on_progress=lambda *_, read=read: read.append(1))
        assert read == []  # not a member was read for it
    assert contents(tmp_path) == before
    for _ in range(2):
        write_report(inspect(folder), tmp_path / "r.HTM")


# The command


def test_a_dump_survives_a_report_of_itself(tmp_path, capsys) -> None:
    path = str(tmp_path / "layer_1.npy")
    np.save(path, np.ones((3, 2)))
    before = contents(tmp_path)
    assert main(["report", path, "--out", path]) == 2
    assert "is the dump itself" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_zero_means_everything_was_read(tmp_path, capsys) -> None:
    np.save(tmp_path / "layer_1.npy", RANDOM.normal(size=(20, 3)))
    assert main(["report", str(tmp_path / "layer_1.npy"), "--out", str(tmp_path / "r.html")]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"[{'#' * 30}] 1/1 members" in printed.err
    assert "1 members read, 0 not" in printed.err


def test_one_means_some_were_not_read(tmp_path, capsys) -> None:
    assert main(["report", str(dump(tmp_path)), "--out", str(tmp_path / "r.html")]) == 1
    assert "4 members read, 2 not" in capsys.readouterr().err


def test_an_array_that_is_asked_about_is_read_as_is_likeliest_or_as_said(tmp_path) -> None:
    np.savez(tmp_path / "d.npz", conv=RANDOM.normal(size=(9, 3, 4)), fc=RANDOM.normal(size=(9, 3)))
    arguments = ["report", str(tmp_path / "d.npz"), "--out", str(tmp_path / "r.html")]
    assert main(arguments) == 0
    assert main([*arguments, "--set", "axes/conv=sample,channel,position"]) == 0
    assert main([*arguments, "--set", "axes/fc=sample,unit"]) == 2


def test_two_means_nothing_could_be_read_or_written(tmp_path, capsys) -> None:
    out = ["--out", str(tmp_path / "r.html")]
    assert main(["report", str(tmp_path / "nothing"), *out]) == 2
    np.save(tmp_path / "objects.npy", np.array([None]))
    assert main(["report", str(tmp_path / "objects.npy"), *out]) == 2
    assert "Object arrays are pickles" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()
    np.save(tmp_path / "nan.npy", np.full((3, 2), np.nan))
    assert main(["report", str(tmp_path / "nan.npy"), *out]) == 2  # but the report says why
    assert "must have a finite value" in (tmp_path / "r.html").read_text(encoding="utf-8")
    np.save(tmp_path / "good.npy", np.ones((3, 2)))
    assert main(["report", str(tmp_path / "good.npy"), "--out", str(tmp_path / "no" / "r.html")]) == 2


def test_it_runs_as_a_process_and_leaves_standard_output_alone(tmp_path) -> None:
    command = [sys.executable, "-m", "analysis", "report", str(dump(tmp_path)), "--out", str(tmp_path / "r.html")]
    finished = processes.run(command)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "4/4 members" in finished.stderr
    assert "\r" not in finished.stderr
