"""Dumps as public code writes them, read as a careful person reads them: cells, values, what is left out, questions."""

import json
import zipfile

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.dumps import inspect
from analysis.dumps.plan.plan import ReadingPlan
from tests.analysis.dumps.layouts.all_layouts import BUILDERS, write
from tests.analysis.dumps.layouts.differences import differences

ONE_FILE = ("epoch_groups", "sentences", "samples_layers_units", "list_of_dicts", "one_sequence")


@pytest.mark.parametrize("name", BUILDERS)
def test_what_a_careful_person_finds_is_found(name, tmp_path):
    expected = write(name, tmp_path)
    assert differences(inspect(tmp_path), expected) == []


@pytest.mark.parametrize("name", ONE_FILE)
def test_a_file_alone_reads_as_the_folder_that_holds_it(name, tmp_path):
    expected = write(name, tmp_path)
    (file,) = tmp_path.iterdir()
    assert differences(inspect(file), expected) == []


@pytest.mark.parametrize("name", ["parts_by_their_first_row", "step_folders", "batch_folders", "data_sets_an_epoch"])
def test_an_archive_reads_as_the_folder_in_it(name, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    expected = write(name, folder)
    with zipfile.ZipFile(tmp_path / "dump.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    assert differences(inspect(tmp_path / "dump.zip"), expected) == []


@pytest.mark.parametrize("form", ["npy", "h5", "txt"])
def test_each_form_of_a_matrix_in_parts_is_the_matrix(form, tmp_path):
    expected = write("parts_three_times", tmp_path)
    found = inspect(tmp_path / form)
    (member,) = found.members
    assert member.layer == "features"
    assert len(member.parts) == (1 if form == "txt" else 9)
    np.testing.assert_array_equal(found.load(member.name).values, expected.cells[0].values)
    assert not found.questions
    assert not found.left_out


def test_hooks_of_other_axes_are_other_questions(tmp_path):
    write("cache_of_hooks", tmp_path)
    found = inspect(tmp_path)
    queries = [question for question in found.questions if "hook_q" in question.id + question.example]
    patterns = [question for question in found.questions if "hook_pattern" in question.id + question.example]
    assert len(queries) == len(patterns) == 1
    assert queries[0].id != patterns[0].id
    assert queries[0].chosen != patterns[0].chosen


@pytest.mark.parametrize("name", BUILDERS)
def test_a_plan_that_was_written_down_finds_the_same(name, tmp_path):
    write(name, tmp_path)
    found = inspect(tmp_path)
    plan = ReadingPlan.from_dict(json.loads(json.dumps(found.plan.to_dict())))
    assert plan == found.plan
    again = inspect(tmp_path, plan=plan)
    assert again.members == found.members
    assert again.left_out == found.left_out


def test_layers_are_not_measured_as_one(tmp_path, capsys):
    """Five layers of equal width could be pooled, and must not be."""
    write("parts_by_their_first_row", tmp_path)
    assert main(["measure", str(tmp_path), "--directions", "8", "--workers", "1"]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "5 layers" in said.err
