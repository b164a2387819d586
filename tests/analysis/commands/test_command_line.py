import pytest

from analysis.__main__ import main


def test_what_is_wrong_with_the_arguments_is_said_on_stderr(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("python -m analysis: ")
    with pytest.raises(SystemExit):
        main(["paint"])
    assert "invalid choice: 'paint'" in capsys.readouterr().err
