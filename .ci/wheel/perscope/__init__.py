"""PERscope: what normalisation and regularisation do to the activations of a neural network.

In a notebook `perscope.open_run("runs/first")` shows a run, and `perscope.overview(perscope.inspect("activations/"))` a
dump. `perscope` in a terminal starts the dashboard. The method itself, for training scripts, is the package `per_core`.
"""

from analysis.command_line import PACKAGE
from per_core import __version__ as __version__
from per_core.first_use import on_first_use

_MODULES = {
    f"{PACKAGE}.dumps": "inspect",
    f"{PACKAGE}.survey.overview": "overview",
    f"{PACKAGE}.survey.warnings": "list_warnings",
    f"{PACKAGE}.samples": "figure1",
    f"{PACKAGE}.one_pass": "run_pass",
    "per_core": "Recorder open_run",
}
__all__ = [name for names in _MODULES.values() for name in names.split()]
__getattr__, __dir__ = on_first_use(__name__, _MODULES)
