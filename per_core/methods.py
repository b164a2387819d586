"""The methods that PERscope compares: what they are called, what can be set, who described them, how to build them.

Whatever offers methods, puts them into networks, draws them or speaks of them reads it from here, and nothing else
knows one by its key. To add one, write its file and give it one entry at the end of this one, or call `register_method`
from elsewhere.

A regulariser has a weight λ: what training adds to the task loss is λ times the loss that it builds. Where the defaults
come from:

    per, per_sampled   1e-4, of the published {3e-4, 1e-4, 3e-5, 1e-5} (CIFAR, one λ for all layers). What is built is
                       equation 5, a mean over rows. Algorithm 1 as printed has no 1/n: beside a task loss averaged over
                       the batch, a λ that belongs to Algorithm 1 is n λ here, n the number of rows.
    energy, sw1        ours: that of PER, whose pull on a row they share in size (at most 2/n and 1/n; PER 1/n).
    vcl                0.01, published.
    sigreg             0.05, ours, for activations beside a task loss of weight 1. The statistic grows with n.
    weak_sigreg        0.05, of the published (1 − α) task + α · loss with α from 0.01 to 0.1: λ is α/(1 − α).
    visreg             0.05, ours: as SIGReg, but a mean over rows. Its authors' is the weight among three terms.
    vicreg, barlow     0.001 and 0.01, ours. Their authors' weights are those beside the invariance between two views.
    l1                 0.001, ours.
    l2                 0.005: α = 2, published (Merity, Keskar and Socher, "Regularizing and optimizing LSTM language
                       models", ICLR 2018) for a mean over units as well, of a layer of d = 400; here it is α/d.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from per_core.activation_penalty import l1_gradient, l1_loss, l2_gradient, l2_loss
from per_core.energy import energy_loss
from per_core.errors import InvalidInputError
from per_core.method import Baseline, Loss, MeanGradient, Method, MethodKind, Parameter
from per_core.normalisation import BatchNorm, LayerNorm, RMSNorm
from per_core.normality_normalisation import NormalityNorm
from per_core.per import PER, per_gradient, per_loss
from per_core.recurrent_normalisation import RecurrentBatchNorm, RecurrentLayerNorm, RecurrentRMSNorm
from per_core.redundancy import barlow_loss, vicreg_loss
from per_core.sigreg import sigreg_loss, sigreg_period
from per_core.text import N_
from per_core.variance_constancy import VCL, mean_vcl_gradient, vcl_loss
from per_core.visreg import visreg_loss
from per_core.wasserstein import sliced_w1
from per_core.weak_sigreg import SKETCH, weak_sigreg_loss
from per_core.whitening import DecorrelatedBatchNorm, IterativeNorm

BASELINE = Baseline("vanilla", "Vanilla", 1)


_methods: dict[str, Method] = {}


def register_method(method: Method) -> None:
    """Add a method to those on offer, after the ones that are there.

    Args:
        method: with a key and a short name that no other method has: charts and tables tell methods by the latter.

    Raises:
        InvalidInputError: the key or the short name is taken.

    Example:
        >>> def build():
        ...     return lambda h, *, generator=None: h.pow(4).sum(dim=1).mean()
        >>> weight = Parameter("weight", "λ, weight of the loss", 1e-4, 0.0, 1.0)
        >>> register_method(
        ...     Method("l4", "L4 penalty", "L4", "regulariser", "output", "an example", build, weight=weight)
        ... )
        >>> loss = find_method("l4").build()
        >>> loss(torch.tensor([[1.0, 2.0]]))
        tensor(17.)
        >>> from per_core.methods import unregister_method
        >>> unregister_method("l4")
    """
    for name in ("key", "short"):
        other = next((other for other in _methods.values() if getattr(other, name) == getattr(method, name)), None)
        if other is not None:
            raise InvalidInputError(
                N_(
                    "{name} must be unique among methods; received {taken!r}, which is {other!r}. Choose another"
                    " {name}."
                ),
                name=name,
                taken=getattr(method, name),
                other=other.title,
            )
    _methods[method.key] = method


def unregister_method(key: str) -> None:
    """Take a method off those on offer, by its key; before it is registered anew in a notebook, for example.

    Raises:
        InvalidInputError: no method has this key.
    """
    del _methods[find_method(key).key]


def list_methods(kind: MethodKind | None = None) -> tuple[Method, ...]:
    """The methods on offer, of one kind if given, in the order in which they were registered.

    Example:
        >>> [method.key for method in list_methods("normaliser")]
        ['bn', 'layer_norm', 'rms_norm', 'dbn', 'dbn_pca', 'iter_norm', 'normality_norm']
    """
    return tuple(method for method in _methods.values() if kind in (None, method.kind))


def opening_methods(kind: MethodKind | None = None) -> tuple[Method, ...]:
    """The methods that a first look compares, of one kind if given, by their rank."""
    ranked = [(method.rank, method) for method in list_methods(kind) if method.rank is not None]
    return tuple(method for _, method in sorted(ranked, key=lambda pair: pair[0]))


def find_method(key: str) -> Method:
    """The method with this key.

    Raises:
        InvalidInputError: there is none.

    Example:
        >>> method = find_method("per")
        >>> method.kind, method.acts_on, method.weight.default
        ('regulariser', 'output', 0.0001)
        >>> method.build()(torch.zeros(4, 8))
        tensor(0.7979)
    """
    if key not in _methods:
        raise InvalidInputError(
            N_("key must be one of {known}; received {key!r}. Choose one of these."), known=", ".join(_methods), key=key
        )
    return _methods[key]


def _always(loss: Callable[[Tensor], Tensor]) -> Callable[[], Loss]:
    """The build of a loss without parameters and without randomness."""

    def call(activations: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        del generator  # nothing is drawn
        return loss(activations)

    return lambda: call


def _closed(gradient: Callable[[Tensor], Tensor]) -> Callable[[], MeanGradient]:
    """The gradient of a loss without parameters whose mean over all draws is known."""

    def call(activations: Tensor, *, draws: int = 1, generator: torch.Generator | None = None) -> Tensor:
        del draws, generator  # nothing is drawn
        return gradient(activations)

    return lambda: call


def _build_sampled_per(*, slices: int = 256) -> Loss:
    return partial(per_loss, slices=slices)


def _build_sw1(*, slices: int = 256) -> Loss:
    def loss(activations: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return sliced_w1(activations, slices=slices, generator=generator).value

    return loss


def _build_vcl(*, subset: int = 5, beta: float = 1.0) -> Loss:
    return partial(vcl_loss, subset=subset, beta=beta)


def _mean_vcl_gradient(*, subset: int = 5, beta: float = 1.0) -> MeanGradient:
    return partial(mean_vcl_gradient, subset=subset, beta=beta)


def _build_sigreg(*, slices: int = 256, knots: int = 17, limit: float = 5.0) -> Loss:
    return partial(sigreg_loss, slices=slices, knots=knots, limit=limit)


def _sigreg_period(*, slices: int = 256, knots: int = 17, limit: float = 5.0) -> float:
    del slices  # of every direction
    return sigreg_period(knots=knots, limit=limit)


def _build_weak_sigreg(*, sketch: int = SKETCH) -> Loss:
    return partial(weak_sigreg_loss, sketch=sketch)


def _build_visreg(*, slices: int = 256, scale: float = 1.0, shape: float = 1.0, centre: float = 1.0) -> Loss:
    return partial(visreg_loss, slices=slices, scale=scale, shape=shape, centre=centre)


def _at_every_step(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Of what is the same at every time step, and need not know how many there are."""

    def make(units: int, *, steps: int, **options: float) -> nn.Module:
        del steps
        return build(units, **options)

    return make


def _weight(default: float, *, low: float, high: float) -> Parameter:
    return Parameter("weight", N_("λ, weight of the loss"), default, low, high)


EPS = Parameter("eps", N_("Added to the variance"), 1e-5, 1e-8, 0.1)
MOMENTUM = Parameter(
    "momentum", N_("Share of the newest batch in running statistics"), 0.1, 0.001, 1.0, role="momentum"
)
SLICES = Parameter("slices", N_("Random directions"), 256, 1, 1024, integer=True, role="slices")
GROUP = Parameter("group_size", N_("Units whitened together"), 16, 1, 256, integer=True, role="group")
PER_WEIGHT = _weight(1e-4, low=1e-7, high=1.0)  # the published range, and n times it for batches of thousands

PER_REFERENCE = (
    "Joo, Kang and Kim, Regularizing activations in neural networks via distribution matching with the Wasserstein"
    " metric, ICLR 2020"
)
DBN_REFERENCE = "Huang, Yang, Lang and Deng, Decorrelated batch normalization, CVPR 2018"

for _method in (
    Method(
        key="bn",
        title=N_("Batch normalisation"),
        short="BN",
        kind="normaliser",
        acts_on="pre-activation",
        reference=(
            "Ioffe and Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate"
            " shift, ICML 2015"
        ),
        build=BatchNorm,
        recurrent=RecurrentBatchNorm,
        parameters=(EPS, MOMENTUM),
        summary=N_("Gives every unit mean 0 and variance 1 over the batch."),
        sees=("mean", "variance"),
        rank=1,
        colour=2,
    ),
    Method(
        key="layer_norm",
        title=N_("Layer normalisation"),
        short="LayerNorm",
        kind="normaliser",
        acts_on="pre-activation",
        reference="Ba, Kiros and Hinton, Layer normalization, 2016",
        build=LayerNorm,
        recurrent=_at_every_step(RecurrentLayerNorm),
        parameters=(EPS,),
        scope="row",
        summary=N_("Gives every row mean 0 and variance 1 over its units."),
    ),
    Method(
        key="rms_norm",
        title=N_("RMS normalisation"),
        short="RMSNorm",
        kind="normaliser",
        acts_on="pre-activation",
        reference="Zhang and Sennrich, Root mean square layer normalization, NeurIPS 2019",
        build=RMSNorm,
        recurrent=_at_every_step(RecurrentRMSNorm),
        parameters=(Parameter("eps", N_("Added to the mean square"), 1e-8, 1e-8, 0.1),),
        scope="row",
        summary=N_("Gives every row the mean square 1 over its units."),
    ),
    Method(
        key="dbn",
        title=N_("Decorrelated batch normalisation"),
        short="DBN",
        kind="normaliser",
        acts_on="pre-activation",
        reference=DBN_REFERENCE,
        build=partial(DecorrelatedBatchNorm, variant="zca"),
        parameters=(EPS, MOMENTUM, GROUP),
        summary=N_("Standardises groups of units and removes the correlation within each (ZCA whitening)."),
        sees=("correlation",),
        rank=2,
    ),
    Method(
        key="dbn_pca",
        title=N_("Decorrelated batch normalisation by PCA (control)"),
        short="DBN by PCA",
        kind="normaliser",
        acts_on="pre-activation",
        reference=DBN_REFERENCE,
        build=partial(DecorrelatedBatchNorm, variant="pca"),
        parameters=(EPS, MOMENTUM, GROUP),
        summary=N_("Whitens along principal axes, which swap from batch to batch: the control that fails in training."),
    ),
    Method(
        key="iter_norm",
        title=N_("Iterative normalisation"),
        short="IterNorm",
        kind="normaliser",
        acts_on="pre-activation",
        reference=(
            "Huang, Zhou, Zhu, Liu and Shao, Iterative normalization: beyond standardization towards efficient"
            " whitening, CVPR 2019"
        ),
        build=IterativeNorm,
        parameters=(
            EPS,
            MOMENTUM,
            replace(GROUP, default=64),
            Parameter("iterations", N_("Newton steps"), 5, 1, 20, integer=True),
        ),
        summary=N_("Approximates whitening by a few Newton steps, without an eigendecomposition."),
    ),
    Method(
        key="normality_norm",
        title=N_("Normality normalisation"),
        short="NormalNorm",
        kind="normaliser",
        acts_on="pre-activation",
        reference="Eftekhari and Papyan, On the importance of Gaussianizing representations, ICML 2025",
        build=NormalityNorm,
        parameters=(
            EPS,
            MOMENTUM,
            Parameter("noise", N_("Noise in training (0.4 published)"), 0.0, 0.0, 2.0, role="noise"),
        ),
        summary=N_("Standardises every unit, then bends its scale so that it is less skewed (Yeo-Johnson)."),
        sees=("skewness",),
    ),
    Method(
        key="per",
        title=N_("PER, exact"),
        short="PER",
        kind="regulariser",
        acts_on="output",
        reference=PER_REFERENCE,
        build=_always(per_loss),
        weight=PER_WEIGHT,
        scope="row",
        mean_gradient=_closed(per_gradient),
        layer=PER,
        summary=N_("Pulls every row towards 0, the harder the larger it is: an upper bound on SW1 to N(0, I)."),
        lesson=N_(
            "Alone, PER takes every row to 0, where it has its minimum √(2/π) = 0.798. A lower PER is not a more"
            " Gaussian batch."
        ),
        detail=N_("At 0, SW1 to N(0, I) is 0.798 as well. With a task the batch shrinks."),
        sees=("per",),
        rank=4,
        colour=0,
    ),
    Method(
        key="per_sampled",
        title=N_("PER, random directions (Algorithm 1)"),
        short="PER, Algorithm 1",
        kind="regulariser",
        acts_on="output",
        reference=PER_REFERENCE,
        build=_build_sampled_per,
        parameters=(SLICES,),
        weight=PER_WEIGHT,
        scope="row",
        layer=PER,
        summary=N_("PER with random directions in place of the expectation over all."),
        lesson=N_("The flow is that of exact PER, up to the noise of the random directions."),
    ),
    Method(
        key="vcl",
        title=N_("Variance constancy loss"),
        short="VCL",
        kind="regulariser",
        acts_on="pre-activation",
        reference="Littwin and Wolf, Regularizing by the variance of the activations' sample-variances, NeurIPS 2018",
        build=_build_vcl,
        parameters=(
            Parameter("subset", N_("Samples in each subset"), 5, 2, 64, integer=True),
            Parameter("beta", N_("β, added to the second variance"), 1.0, 0.001, 10.0),
        ),
        weight=_weight(0.01, low=1e-4, high=1.0),
        mean_gradient=_mean_vcl_gradient,
        learnt=partial(VCL, weight=1.0),
        summary=N_("Asks that a unit have the same variance in every few samples."),
        lesson=N_(
            "VCL lowers the kurtosis of a unit, at the lowest to −2 at two equal modes. It does not aim at N(0,"
            " I), so SW1 alone misjudges it."
        ),
        sees=("batch_variances",),
        judged_by=("kurtosis", "modes", "batch_variances"),
        rank=3,
    ),
    Method(
        key="energy",
        title=N_("Sliced energy distance"),
        short="Energy",
        kind="regulariser",
        acts_on="output",
        reference="Székely and Rizzo, Energy statistics: a class of statistics based on distances, 2013",
        build=_always(energy_loss),
        weight=PER_WEIGHT,
        summary=N_("Half the sliced energy distance to N(0, I): PER without what PER gains by less spread."),
        lesson=N_("The energy distance is smallest at N(0, I): it is PER without what PER gains by less spread."),
        detail=N_("It pulls less on the outermost rows, the fewer they are."),
    ),
    Method(
        key="sw1",
        title=N_("Sliced Wasserstein-1 distance"),
        short="SW1",
        kind="regulariser",
        acts_on="output",
        reference=("Bonneel, Rabin, Peyré and Pfister, Sliced and Radon Wasserstein barycenters of measures, 2015"),
        build=_build_sw1,
        parameters=(SLICES,),
        weight=PER_WEIGHT,
        summary=N_("The exact sliced Wasserstein-1 distance to N(0, I)."),
        lesson=N_("SW1 is smallest at N(0, I). Its gradient keeps its size on the way there; the steps shrink."),
    ),
    Method(
        key="sigreg",
        title=N_("SIGReg"),
        short="SIGReg",
        kind="regulariser",
        acts_on="output",
        reference=(
            "Balestriero and LeCun, LeJEPA: provable and scalable self-supervised learning without the heuristics, 2025"
        ),
        build=_build_sigreg,
        parameters=(
            SLICES,
            Parameter("knots", N_("Points of the integral (33 in the authors' present code)"), 17, 5, 65, integer=True),
            Parameter("limit", N_("End of the integral (3 in the authors' present code)"), 5.0, 1.0, 10.0),
        ),
        weight=_weight(0.05, low=1e-4, high=1.0),
        period=_sigreg_period,
        summary=N_("Compares the characteristic functions of random projections with that of N(0, 1)."),
        lesson=N_(
            "SIGReg is smallest at N(0, I), but it repeats along every direction: rows far out are attracted to"
            " the next period."
        ),
        detail=N_(
            "With 17 knots on [−5, 5] it repeats after 10.05: rows at 9 are pushed outward, and rows at 10.5 are"
            " attracted to 10.05. With 33 knots on [−3, 3], the authors' present variant, it repeats after 33.5 and"
            " hardly pulls on rows from 7 to 20."
        ),
    ),
    Method(
        key="weak_sigreg",
        title=N_("Weak SIGReg"),
        short="Weak SIGReg",
        kind="regulariser",
        acts_on="output",
        reference="Akbar, Weak-SIGReg: covariance regularization for stable deep learning, 2026",
        build=_build_weak_sigreg,
        parameters=(Parameter("sketch", N_("Rows of the random sketch"), SKETCH, 2, 256, integer=True),),
        weight=_weight(0.05, low=1e-4, high=1.0),
        summary=N_("The distance between the covariance, or that of a random sketch of it, and the identity."),
        lesson=N_("Weak SIGReg whitens the batch. It sees neither the mean nor the shape, which stay as they were."),
        detail=N_(
            "Its authors minimise (1 − α) task + α · loss, α from 0.01 to 0.1, averaged over layers: here λ is"
            " α/(1 − α). Up to 64 units the covariance is compared whole; of more, along 64 random directions that are"
            " not quite orthogonal, so that N(0, I) itself does not give 0."
        ),
    ),
    Method(
        key="visreg",
        title=N_("VISReg"),
        short="VISReg",
        kind="regulariser",
        acts_on="output",
        reference="Wu, Balestriero and Levine, VISReg: variance-invariance-sketching regularization, 2026",
        build=_build_visreg,
        parameters=(
            SLICES,
            Parameter("scale", N_("Weight of the scale term"), 1.0, 0.0, 25.0),
            Parameter("shape", N_("Weight of the shape term"), 1.0, 0.0, 25.0),
            Parameter("centre", N_("Weight of the centre term"), 1.0, 0.0, 25.0),
        ),
        weight=_weight(0.05, low=1e-4, high=1.0),
        summary=N_("Pulls the mean to 0, the standard deviation to 1, and the standardised shape to N(0, I)."),
        lesson=N_(
            "VISReg leads to N(0, I). Its scale term keeps pulling outward however small the batch is, but from a scale"
            " of about 0.02 down, with 256 rows, its shape term pulls inward harder."
        ),
        detail=N_(
            "The shape term is a squared sliced Wasserstein distance, a mean over rows, of the batch divided by its"
            " standard deviation, which counts as a constant. The authors add the invariance between two views."
        ),
    ),
    Method(
        key="vicreg",
        title=N_("VICReg, variance and covariance"),
        short="VICReg",
        kind="regulariser",
        acts_on="output",
        reference="Bardes, Ponce and LeCun, VICReg: variance-invariance-covariance regularization, ICLR 2022",
        build=_always(vicreg_loss),
        weight=_weight(0.001, low=1e-6, high=0.1),
        summary=N_("Lifts standard deviations below 1 and removes covariance."),
        lesson=N_("VICReg lets units be whose standard deviation is 1 or more, so the scale can stay too large."),
        detail=N_("The weights are 25 and 1, as published; the invariance between two views is left out."),
    ),
    Method(
        key="barlow",
        title=N_("Barlow Twins, redundancy"),
        short="Barlow",
        kind="regulariser",
        acts_on="output",
        reference="Zbontar, Jing, Misra, LeCun and Deny, Barlow twins: self-supervised learning, ICML 2021",
        build=_always(barlow_loss),
        weight=_weight(0.01, low=1e-4, high=1.0),
        summary=N_("Removes the correlation between units, whatever their scale."),
        lesson=N_("Barlow's redundancy term decorrelates. Mean, scale and shape stay nearly as they were."),
        detail=N_("The correlation matrix is that of the batch with itself, 0.0051 its weight off the diagonal."),
    ),
    Method(
        key="l1",
        title=N_("L1 activation penalty"),
        short="L1",
        kind="regulariser",
        acts_on="output",
        reference="Glorot, Bordes and Bengio, Deep sparse rectifier neural networks, AISTATS 2011",
        build=_always(l1_loss),
        weight=_weight(0.001, low=1e-6, high=0.1),
        scope="row",
        mean_gradient=_closed(l1_gradient),
        summary=N_("The mean L1 norm of the rows."),
        lesson=N_("L1 pulls on every coordinate with the same force, however close to 0."),
        detail=N_("Steps of a finite size bring a coordinate to 0 up to one step."),
    ),
    Method(
        key="l2",
        title=N_("L2 activation penalty"),
        short="L2",
        kind="regulariser",
        acts_on="output",
        reference="Merity, McCann and Socher, Revisiting activation regularization for language RNNs, 2017",
        build=_always(l2_loss),
        weight=_weight(0.005, low=1e-6, high=0.1),
        scope="row",
        mean_gradient=_closed(l2_gradient),
        summary=N_("The mean squared norm of the rows."),
        lesson=N_("L2 shrinks all rows by the same factor, so the shape stays as it was."),
    ),
):
    register_method(_method)
