"""per_core is what a training script imports: it brings nothing of the dashboard along."""

import sys

import pytest

import per_core
from tests import processes


def test_loads_nothing_of_the_dashboard_and_leaves_the_compiler_to_those_who_compile():
    script = "import sys; before = set(sys.modules); from per_core import *; print(*set(sys.modules) - before)"
    modules = set(processes.run([sys.executable, "-c", script], check=True).stdout.split())
    loaded = {name.partition(".")[0] for name in modules}
    assert "torch" in loaded
    assert not {"streamlit", "plotly", "ot", "analysis", "app", "pandas", "sklearn"} & loaded
    assert "torch._dynamo" not in modules


@pytest.mark.parametrize("module", ["per_core.errors", "per_core.recording.epoch", "per_core.recording.run_files"])
def test_errors_epochs_and_names_of_files_need_no_torch(module: str):
    script = f"import sys; import {module}; print('torch' in sys.modules)"
    assert processes.run([sys.executable, "-c", script], check=True).stdout.strip() == "False"


def test_public_names():
    assert set(per_core.__all__) >= {"PER", "SlicedDistance", "gaussian_w1", "per_gradient", "per_loss", "sliced_w1"}
    for name in per_core.__all__:
        assert getattr(per_core, name).__doc__
        assert name in dir(per_core)
    with pytest.raises(AttributeError, match="module 'per_core' has no attribute 'per_los'"):
        _ = per_core.per_los
