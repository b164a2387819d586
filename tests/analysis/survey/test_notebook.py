"""What a notebook shows of an overview: parts of the report, in which a name is only ever text."""

import html
import os
import re
from pathlib import Path

import numpy as np
import pytest

from analysis.dumps import inspect
from analysis.survey.heat_scale import HEAT_SCALES, POOLED_HEAT_SCALES
from analysis.survey.overview import Overview, overview
from analysis.survey.report import report_html
from per_core.errors import InvalidInputError
from tests.per_core.recording.test_notebook import ATTACKS, Page, text_of

pytestmark = pytest.mark.long

RANDOM = np.random.default_rng(3)


def dump(folder: Path, **more: np.ndarray) -> Path:
    for epoch in (1, 2):
        layers = {"layer_1": RANDOM.normal(size=(300, 8)), "layer_2": epoch * 3 * RANDOM.normal(size=(300, 8))}
        layers["layer_2"][:, :2] = 0
        np.savez(folder / f"epoch_{epoch}.npz", **layers, **more)
    return folder


def heat_tables(page: str) -> list[str]:
    return re.findall(r'<table class="heat">.*?</table>', page, re.DOTALL)


def test_an_overview_shows_parts_of_its_report(tmp_path: Path) -> None:
    inspection = inspect(dump(tmp_path))
    seen = overview(inspection)
    shown, report = seen._repr_html_(), report_html(inspection, seen)
    assert heat_tables(shown) == heat_tables(report)
    assert len(heat_tables(shown)) == len(HEAT_SCALES)
    assert re.findall(r"<li class.*?</li>", shown, re.DOTALL) == re.findall(r"<li class.*?</li>", report, re.DOTALL)
    assert re.findall("<style>.*?</style>", shown, re.DOTALL)[0] in report
    assert "layer_2 dead, mild, at 2 of 2 epochs" in text_of(shown)
    assert repr(seen) == f"<Overview of {tmp_path.name!r}: 2 layers, 2 epochs, 4 members read>"


def test_a_layer_shows_its_quantities_and_its_warnings_alone(tmp_path: Path) -> None:
    seen = overview(inspect(dump(tmp_path)))
    layer = seen.layer("layer_2")
    page = layer._repr_html_()
    assert "layer_2 dead, mild" in text_of(page)
    assert "layer_1" not in page
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    assert [html.unescape(title) for title, _ in rows] == [scale.measured.title for scale in HEAT_SCALES]
    for scale, (_, cells) in zip(HEAT_SCALES, rows, strict=True):
        assert re.findall("<td[^>]*>(.*?)</td>", cells) == [scale.text(cell) for _, cell in layer.history]
    assert "<svg" in page
    assert "No issue found by the rules." in seen.layer("layer_1")._repr_html_()
    assert repr(layer) == f"<OverviewLayer 'layer_2' of {tmp_path.name!r}: 2 readings, last epoch 2>"
    with pytest.raises(InvalidInputError, match=r"holds the layers layer_1, layer_2; received 'layer_3'. Choose one"):
        seen.layer("layer_3")


def test_what_could_not_be_read_and_histograms_are_shown_too(tmp_path: Path) -> None:
    seen = overview(inspect(dump(tmp_path, lost=np.full((40, 8), np.nan))))
    assert "<td>!</td>" in seen.layer("lost")._repr_html_()
    assert "<svg" not in seen.layer("lost")._repr_html_()
    assert "2 not" in repr(seen)
    binned = overview(inspect(_event_file(tmp_path / "logs")))
    assert len(heat_tables(binned._repr_html_())) == len(POOLED_HEAT_SCALES)
    assert "binned:" in binned.layer("fc")._repr_html_()


def _event_file(folder: Path) -> Path:
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        writer.add_histogram("fc", RANDOM.normal(size=500), 1)
    return folder


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_are_only_ever_text(tmp_path: Path, attack: str) -> None:
    np.savez(tmp_path / "d.npz", **{attack: 1e4 * RANDOM.normal(size=(40, 3))})
    seen = overview(inspect(tmp_path / "d.npz"))
    (name,) = seen.layers
    _require_harmless(seen, name)


def test_a_folder_with_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    folder = tmp_path / "<script>x<"
    folder.mkdir()
    np.save(os.fsdecode(os.fsencode(folder) + b"/\xff.npy"), np.ones((3, 2)))
    seen = overview(inspect(folder))
    _require_harmless(seen, seen.layers[0])


def _require_harmless(seen: Overview, layer: str) -> None:
    for shown in (seen, seen.layer(layer)):
        page = shown._repr_html_()
        page.encode()
        found = Page(page)
        assert not {"script", "img", "a", "link", "iframe"} & found.tags
        assert not {"src", "href", "style"} & found.attributes
        assert not {name for name in found.attributes if name.startswith("on")}
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert repr(shown).isprintable()


def test_of_a_large_dump_the_worst_and_the_latest_are_shown(tmp_path: Path) -> None:
    for epoch in range(23):
        np.savez(tmp_path / f"epoch_{epoch}.npz", **{f"l{n}": (n + 1) * RANDOM.normal(size=(9, 2)) for n in range(25)})
    page = overview(inspect(tmp_path))._repr_html_()
    first = heat_tables(page)[0]
    assert (first.count('scope="row"'), first.count('scope="col"')) == (20, 21)
    assert "Shown are the 20 worst of 25 layers at the last 20 of 23 epochs." in text_of(page)
    assert len(page) < 200_000
