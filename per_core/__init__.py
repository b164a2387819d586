"""PER regularisation and exact sliced Wasserstein distances to the standard normal, for PyTorch."""

from typing import TYPE_CHECKING

from per_core.first_use import on_first_use

if TYPE_CHECKING:
    from per_core.activation_penalty import l1_loss, l2_loss
    from per_core.energy import energy_loss
    from per_core.errors import BudgetError, DerivativeError, InvalidInputError, PerError, StorageError
    from per_core.method import Method, Parameter
    from per_core.methods import find_method, list_methods, register_method
    from per_core.normalisation import BatchNorm, LayerNorm, RMSNorm
    from per_core.normality_normalisation import NormalityNorm
    from per_core.per import PER, per_gradient, per_loss
    from per_core.recording.recorder import Recorder
    from per_core.recording.run_directory import open_run
    from per_core.recurrent_normalisation import NormalisedLSTM, RecurrentBatchNorm
    from per_core.redundancy import barlow_loss, vicreg_loss
    from per_core.sigreg import sigreg_loss
    from per_core.variance_constancy import VCL, vcl_loss
    from per_core.visreg import visreg_loss
    from per_core.wasserstein import SlicedDistance, gaussian_w1, sliced_w1
    from per_core.weak_sigreg import weak_sigreg_loss
    from per_core.whitening import DecorrelatedBatchNorm, IterativeNorm

__version__ = "0.2.0"

__all__ = [
    "PER",
    "VCL",
    "BatchNorm",
    "BudgetError",
    "DecorrelatedBatchNorm",
    "DerivativeError",
    "InvalidInputError",
    "IterativeNorm",
    "LayerNorm",
    "Method",
    "NormalisedLSTM",
    "NormalityNorm",
    "Parameter",
    "PerError",
    "RMSNorm",
    "Recorder",
    "RecurrentBatchNorm",
    "SlicedDistance",
    "StorageError",
    "barlow_loss",
    "energy_loss",
    "find_method",
    "gaussian_w1",
    "l1_loss",
    "l2_loss",
    "list_methods",
    "open_run",
    "per_gradient",
    "per_loss",
    "register_method",
    "sigreg_loss",
    "sliced_w1",
    "vcl_loss",
    "vicreg_loss",
    "visreg_loss",
    "weak_sigreg_loss",
]

_MODULES = {
    "per_core.activation_penalty": "l1_loss l2_loss",
    "per_core.energy": "energy_loss",
    "per_core.errors": "BudgetError DerivativeError InvalidInputError PerError StorageError",
    "per_core.method": "Method Parameter",
    "per_core.methods": "find_method list_methods register_method",
    "per_core.normalisation": "BatchNorm LayerNorm RMSNorm",
    "per_core.per": "PER per_gradient per_loss",
    "per_core.normality_normalisation": "NormalityNorm",
    "per_core.recording.recorder": "Recorder",
    "per_core.recording.run_directory": "open_run",
    "per_core.recurrent_normalisation": "NormalisedLSTM RecurrentBatchNorm",
    "per_core.redundancy": "barlow_loss vicreg_loss",
    "per_core.sigreg": "sigreg_loss",
    "per_core.variance_constancy": "VCL vcl_loss",
    "per_core.visreg": "visreg_loss",
    "per_core.wasserstein": "SlicedDistance gaussian_w1 sliced_w1",
    "per_core.weak_sigreg": "weak_sigreg_loss",
    "per_core.whitening": "DecorrelatedBatchNorm IterativeNorm",
}
__getattr__, __dir__ = on_first_use(__name__, _MODULES)
