"""Analysis behind Streamlit's caches: the only module that knows how long a result is kept.

A batch is never hashed by Streamlit, which samples large arrays: its own fingerprint of the full content is the
key. Slow libraries (torch, POT) are imported on first use, so that the first density is drawn without them.
"""

import threading
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis import samples
from analysis.batch import ActivationBatch
from analysis.samples import SampleSpec
from analysis.statistics import density
from app.text.plain import harmless
from per_core.errors import InvalidInputError, PerError

if TYPE_CHECKING:
    from analysis.distances.bound import (
        BoundReading,
        Decomposition,
        DirectionStudy,
        Influence,
        ScaleCurve,
        SliceConvergence,
    )
    from analysis.distances.cost import Timing
    from analysis.distances.distinction import Cell, Key
    from analysis.distances.pot_distance import GridDistance
    from analysis.dumps import Inspection
    from analysis.methods.flow import FlowReadings, FlowSpec, FlowStart
    from analysis.methods.normalisation import SmallBatch
    from analysis.runs.library import Comparison
    from analysis.statistics.null_band import NullBand
    from analysis.survey.overview import Overview
    from per_core.recording.run_directory import Run

Parameters = tuple[tuple[str, float], ...]
FLOW_PIECE = 12  # steps
_TIMING = threading.Lock()  # two visitors must not time each other
DUMPED_VALUES, DUMPED_UNITS = 2**20, 2048
_BY_CONTENT: dict[str | type[Any], Callable[[Any], Any]] = {ActivationBatch: attrgetter("fingerprint")}


@st.cache_resource(max_entries=32, show_spinner=False)
def drawn_batch(spec: SampleSpec) -> ActivationBatch:
    """The batch of a sample spec."""
    return samples.draw(spec)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def pair_limits(batch: ActivationBatch, axes: density.AxisPair) -> tuple[float, float]:
    """The range that shows the bulk of two columns of the batch's view."""
    return density.robust_limits(np.concatenate(density.project_pair(batch.values, *axes)))


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def pair_density(batch: ActivationBatch, axes: density.AxisPair, limits: tuple[float, float]) -> density.JointDensity:
    """Joint density of two columns of the batch's view: axes is ("units" or "principal", first, second)."""
    x, y = density.project_pair(batch.values, *axes)
    return density.joint_density(x, y, limits=limits)


@st.cache_data(max_entries=512, show_spinner=False)
def null_chunk(null: SampleSpec, first: int, count: int) -> "dict[Key, NDArray[np.float64]]":
    """Statistics of some fresh draws of a null distribution."""
    from analysis.distances.distinction import measure_null

    return measure_null(null, first, count)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def cells(
    batch: ActivationBatch,
    null: SampleSpec,  # noqa: ARG001  the key that stands for the null bands
    _bands: "Mapping[Key, NullBand]",
) -> "dict[Key, Cell]":
    """The table's column for one batch."""
    from analysis.distances.distinction import compare

    return compare(batch, _bands)


@st.cache_data(max_entries=512, show_spinner=False)
def gaussian_chunk(n: int, d: int, slices: int, first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """SW1 and PER of some fresh Gaussian batches."""
    from analysis.statistics.null_band import gaussian_draws

    return gaussian_draws(n, d, slices, first, count)


@st.cache_data(max_entries=512, show_spinner=False)
def gaussian_worst_chunk(n: int, d: int, slices: int, first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """The worst W1 of each kind of direction of some fresh Gaussian batches."""
    from analysis.statistics.null_band import gaussian_worst_draws

    return gaussian_worst_draws(n, d, slices, first, count)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def bound_reading(batch: ActivationBatch, slices: int) -> "BoundReading":
    """PER, SW1 and the gap."""
    from analysis.distances.bound import read_bound

    return read_bound(batch.values, slices=slices)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT)
def direction_study(batch: ActivationBatch, slices: int) -> "DirectionStudy":
    """W1 and PER along random and named directions."""
    from analysis.distances.bound import study_directions

    return study_directions(batch.values, slices=slices)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT)
def around_the_circle(
    batch: ActivationBatch,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Angles in degrees, and W1 and PER of a two-unit batch along each."""
    from analysis.distances.bound import read_directions
    from analysis.distances.directions import circle_directions

    degrees, vectors = circle_directions(180)
    return degrees, *read_directions(batch.values, vectors)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def scale_curve(batch: ActivationBatch, slices: int) -> "ScaleCurve":
    """PER and SW1 of the scaled batch."""
    from analysis.distances import bound

    return bound.scale_curve(batch.values, slices=slices)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def slice_convergence(batch: ActivationBatch) -> "SliceConvergence":
    """Estimates from ever more directions."""
    from analysis.distances import bound

    return bound.slice_convergence(batch.values)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def decomposition(batch: ActivationBatch, slices: int) -> "Decomposition":
    """PER's three parts."""
    from analysis.distances.bound import decompose

    return decompose(batch.values, slices=slices)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def influence(batch: ActivationBatch, sample: int, distance: float) -> "Influence":
    """What moving one sample does to the others' gradients."""
    from analysis.distances.bound import move_one

    return move_one(batch.values, sample=sample, distance=distance)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def pot_grid(batch: ActivationBatch, points: int, slices: int) -> "GridDistance":
    """SW1 by POT against a quantile grid, on the shared directions."""
    from analysis.distances.directions import shared_directions
    from analysis.distances.pot_distance import pot_against_grid

    return pot_against_grid(batch.values, shared_directions(batch.d, slices), points=points)


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=_BY_CONTENT)
def pot_sample(batch: ActivationBatch, seed: int, slices: int) -> float:
    """SW1 by POT against a sample of N(0, I), on the shared directions."""
    from analysis.distances.directions import shared_directions
    from analysis.distances.pot_distance import pot_against_sample

    return pot_against_sample(batch.values, shared_directions(batch.d, slices), seed=seed)


@st.cache_data(max_entries=64, show_spinner=False)
def timings(n: int, d: int) -> "list[Timing]":
    """What a gradient costs here; measured once per server and size."""
    from analysis.distances.cost import time_gradients

    with _TIMING:
        return time_gradients(n, d)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=_BY_CONTENT)
def moved_batch(batch: ActivationBatch, shift: float, scale: float) -> ActivationBatch:
    """The batch shift + scale · h."""
    return ActivationBatch(
        shift + scale * batch.values, batch.name, layer=batch.layer, epoch=batch.epoch, source=batch.source
    )


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT)
def first_rows(batch: ActivationBatch, rows: int) -> ActivationBatch:
    """The first rows of a batch; the batch itself if it has no more."""
    return batch if batch.n <= rows else ActivationBatch(batch.values[:rows], batch.name, source=batch.source)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT)
def normalised(batch: ActivationBatch, key: str, parameters: Parameters) -> ActivationBatch:
    """The batch after a normaliser."""
    from analysis.methods.normalisation import normalise

    return normalise(batch, key, dict(parameters))


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=_BY_CONTENT)
def small_batch(batch: ActivationBatch, key: str, parameters: Parameters, rows: int, splits: int) -> "SmallBatch":
    """A normaliser whose statistics come from few rows, on those and on others."""
    from analysis.methods.normalisation import normalise_held_out

    return normalise_held_out(batch.values, key, dict(parameters), rows=rows, splits=splits)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def stage_distances(batch: ActivationBatch) -> NDArray[np.float64]:
    """SW1 of the batch while location, scale and correlation are taken away."""
    from analysis.distances.decomposition import measure_stages

    return measure_stages(batch.values)


@st.cache_data(max_entries=512, show_spinner=False)
def gaussian_stages_chunk(n: int, d: int, first: int, count: int) -> NDArray[np.float64]:
    """The same of some fresh Gaussian batches."""
    from analysis.distances.decomposition import measure_gaussian_stages

    return measure_gaussian_stages(n, d, first, count)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=_BY_CONTENT)
def flow_start(batch: ActivationBatch, spec: "FlowSpec") -> "FlowStart":
    """Where a flow starts."""
    from analysis.methods.flow import start_flow

    return start_flow(batch.values, spec)


@st.cache_resource(max_entries=96, show_spinner=False, hash_funcs=_BY_CONTENT)
def flow_piece(batch: ActivationBatch, spec: "FlowSpec", piece: int) -> NDArray[np.float32]:
    """The batches of one piece of a flow, counted from 1; the pieces before it are followed first."""
    from analysis.methods.flow import follow

    start = flow_start(batch, spec)
    rows = start.rows if piece == 1 else flow_piece(batch, spec, piece - 1)[-1]
    return follow(start, rows, spec, (piece - 1) * FLOW_PIECE + 1, FLOW_PIECE)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT)
def flow_readings(
    batch: ActivationBatch,  # noqa: ARG001  with the spec, the key that stands for the frames
    spec: "FlowSpec",  # noqa: ARG001
    _frames: NDArray[np.float32],
) -> "FlowReadings":
    """What happens to the batch on its way."""
    from analysis.methods.flow import read_frames

    return read_frames(_frames)


@st.cache_data(max_entries=256, show_spinner=False)
def gaussian_readings_chunk(n: int, d: int, first: int, count: int) -> "FlowReadings":
    """The same of some fresh Gaussian batches."""
    from analysis.methods.flow import gaussian_readings

    return gaussian_readings(n, d, first, count)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def projected_density(
    batch: ActivationBatch, onto: ActivationBatch, axes: density.AxisPair, limits: tuple[float, float]
) -> density.JointDensity:
    """Joint density of a batch in two directions that another batch gives, so that both share their axes."""
    x, y = (batch.values @ density.pair_axes(onto.values, *axes).T).T
    return density.joint_density(x, y, limits=limits)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def distance_between(first: ActivationBatch, second: ActivationBatch, slices: int) -> tuple[float, float]:
    """SW1 between two batches by POT on the shared directions, and its margin of error over directions."""
    from analysis.distances.directions import mean_over_slices, shared_directions
    from analysis.distances.pot_distance import pot_between

    per_slice = pot_between(first.values, second.values, shared_directions(first.d, slices))
    return mean_over_slices(per_slice, first.d)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_CONTENT)
def permutation_band(first: ActivationBatch, second: ActivationBatch, slices: int, *, paired: bool) -> "NullBand":
    """What that distance is after the rows of both, or of each pair, are permuted, as if of one distribution."""
    from analysis.distances.directions import shared_directions
    from analysis.distances.permutation import shuffled_distances, shuffles_that_fit, swapped_distances
    from analysis.statistics.null_band import band_of

    permute = swapped_distances if paired else shuffled_distances
    directions, count = shared_directions(first.d, slices), shuffles_that_fit(first.n + second.n)
    return band_of(permute(first.values, second.values, directions, count=count))


@st.cache_data(max_entries=256, show_spinner=False)
def gaussian_layer_chunk(
    n: int, d: int, slices: int, seed: int, first: int, count: int
) -> dict[str, NDArray[np.float64]]:
    """SW1 and PER of some fresh Gaussian batches, on the slices that a run records."""
    from analysis.survey.history import gaussian_layer_draws

    return gaussian_layer_draws(n, d, slices, seed, first, count)


@st.cache_resource(max_entries=4096, show_spinner=False)
def recorded_values(
    _run: "Run",
    path: str,  # noqa: ARG001  path and time of creation are the key that stands for the run
    created: float,  # noqa: ARG001
    index: int,
    layer: str,
    unit: int | None,
) -> NDArray[np.float32]:
    """Values of a tracked unit, or of all kept units, of one record."""
    from analysis.survey.history import unit_values

    return unit_values(_run, index, layer, unit)


@st.cache_resource(max_entries=64, show_spinner=False)
def run_batch(_run: "Run", path: str, created: float, index: int, layer: str) -> ActivationBatch:  # noqa: ARG001
    """The recorded rows and units of one layer in one record, as `recorded_values` keyed."""
    arrays = _run.arrays(index, [layer])[layer]
    epoch = _run.record(index).epoch
    some = "" if arrays.rows.shape[1] == arrays.d else f", {arrays.rows.shape[1]} of {arrays.d} units"
    name = f"{_run.title or _run.path.name}, {layer}, epoch {epoch}{some}"
    return ActivationBatch(arrays.rows, harmless(name), layer=layer, epoch=epoch, source="run")


@st.cache_resource(max_entries=1, show_spinner=False)
def opened_comparisons() -> "dict[str, Comparison]":
    """Comparisons by the id of their run, so that following one reads new records only."""
    return {}


def dumped_batch(inspection: "Inspection", member: str) -> ActivationBatch:
    """A member of a dump: whole rows, evenly spread, of about a million values at most."""
    units = inspection.member(member).units or 1
    return _dumped_rows(inspection, member_key(inspection, member), member, max(2, DUMPED_VALUES // units))


def dumped_view(inspection: "Inspection", member: str) -> ActivationBatch:
    """A member as the other pages take it: its finite rows, 2,048 units at most, and a name that fits anywhere."""
    return _dumped_view(inspection, member_key(inspection, member), member)


def dumped_values(inspection: "Inspection", member: str, count: int) -> NDArray[np.float32]:
    """At most so many values of a member, at random from its rows; empty if it cannot be read."""
    return _dumped_values(inspection, member_key(inspection, member), member, count)


def member_key(inspection: "Inspection", member: str) -> str:
    """What was read of a member holds for the file as it is and the layout that was said."""
    chosen = inspection.member(member)
    return f"{str(inspection.path)!a}|{inspection.layout_of(chosen)}|{inspection.version(chosen)}"


@st.cache_resource(max_entries=32, show_spinner=False)
def _dumped_rows(_inspection: "Inspection", key: str, member: str, rows: int) -> ActivationBatch:  # noqa: ARG001
    from analysis.survey.overview import read_member

    return read_member(_inspection, _inspection.member(member), most_rows=rows)


@st.cache_resource(max_entries=16, show_spinner=False)
def _dumped_view(_inspection: "Inspection", key: str, member: str) -> ActivationBatch:  # noqa: ARG001
    batch = dumped_batch(_inspection, member)
    values = batch.values if batch.is_finite else batch.values[np.isfinite(batch.values).all(axis=1)]
    units = np.linspace(0, batch.d - 1, min(batch.d, DUMPED_UNITS)).astype(int)
    if len(values) < 1:
        raise InvalidInputError(
            f"The other pages need rows of finite values within float32; {member} has none among its {batch.n:,}"
            f" ({batch.not_finite}). Choose an earlier epoch."
        )
    return ActivationBatch(values[:, units] if batch.d > DUMPED_UNITS else values, harmless(batch.name))


@st.cache_data(max_entries=256, show_spinner=False)
def _dumped_values(_inspection: "Inspection", key: str, member: str, count: int) -> NDArray[Any]:  # noqa: ARG001
    from analysis.statistics.histogram import thinned
    from analysis.survey.overview import read_member

    try:
        values: NDArray[Any] = read_member(_inspection, _inspection.member(member)).precise
        return thinned(values, count)
    except PerError:
        return np.empty(0, np.float32)


@st.cache_resource(max_entries=1, show_spinner=False)
def overviews() -> "dict[str, Overview]":
    """Overviews of dumps by path, layout and pattern, so that a dump that grows costs only its growth."""
    return {}
