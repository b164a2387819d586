"""What a row of a recorded layer is, from the record to the sentence, in both languages."""

from pathlib import Path

import pytest
import torch
from torch import nn

from analysis.dumps import inspect
from analysis.survey.origin import Origin
from analysis.survey.overview import overview
from analysis.survey.report import report_html
from analysis.survey.sentences import row_sentence
from analysis.translations import translations
from per_core import Recorder
from per_core.recording.rows import Rows

SENTENCES = {
    Rows("samples"): "A row is a sample.",
    Rows("locations", 1024): "A row is one location of a sample; a sample has 1,024.",
    Rows("time steps", 35): "A row is one time step of a sequence; a sequence has 35.",
    Rows("time steps", 35, alike=False): "A row is one time step of a sequence; a sequence has up to 35.",
    Rows("time steps", step=3): "A row is time step 3 of a sequence, counted from 0.",
    Rows("time steps", step=-1): "A row is the last time step of a sequence.",
    Rows("time steps", step=-2): "A row is time step -2 of a sequence, counted from its end.",
}


@pytest.mark.parametrize("rows", SENTENCES)
def test_every_kind_of_row_has_a_sentence(rows: Rows) -> None:
    assert row_sentence(rows) == SENTENCES[rows]
    korean = row_sentence(rows, translations("ko"))
    assert korean.startswith("행 하나는")
    assert "{" not in korean


def test_the_report_of_a_run_says_what_a_row_is(tmp_path: Path) -> None:
    model = nn.Sequential(nn.GRU(3, 4, batch_first=True))
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=torch.randn(30, 5, 3))
    inspection = inspect(tmp_path / "run")
    assert [member.row for member in inspection.members] == [Rows("time steps", 5)]
    seen = overview(inspection)
    assert "· A row is one time step of a sequence; a sequence has 5.</small>" in report_html(inspection, seen)
    assert row_sentence(Rows("time steps", 5), translations("ko")) in report_html(
        inspection, seen, Origin(language="ko")
    )


def test_of_files_that_do_not_state_it_nothing_is_said(tmp_path: Path) -> None:
    torch.save({"layer": torch.randn(30, 4)}, tmp_path / "epoch_0.pt")
    inspection = inspect(tmp_path)
    assert "A row is" not in report_html(inspection, overview(inspection))
