"""Train: comparisons of methods on small networks, followed live, and any other training that a Recorder writes."""

import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from analysis.plain_text import plain
from analysis.runs.library import Comparison, open_comparison
from analysis.runs.remark import explain
from analysis.runs.spec import TrainingSpec
from analysis.survey.furthest import furthest_layer
from app.sections import followed, layer_over_epochs
from app.sections.on_request import remembered, when_open
from app.session import caches, permissions, services
from app.session.batch_choice import run_label
from app.session.keys import (
    START_PRESSED,
    START_TOKEN,
    TRAIN_ERROR,
    TRAIN_NEW,
    VIEW_LAYERS,
    VIEW_NETWORKS,
    VIEW_SEED,
    VIEW_UNIT,
)
from app.session.press import acting_button
from app.text.caption import show_statement
from app.text.language import _, translated
from app.text.plain import escaped
from app.views.train import run_view
from app.views.train.authors_results import show_authors_results
from app.views.train.progress import show_progress
from app.views.train.run_list import BESIDE, RUN, STATES, UNDER_WAY, run_title, show_runs
from app.views.train.shown_runs import choose_shown, networks_of
from app.views.train.statement import about_statement, train_statement
from app.views.train.sweep_view import show_sweep
from app.views.train.training_form import choose_spec, show_presets
from per_core.errors import PerError

LIVE = "train_live"  # the part of the page that follows a run
FIRST_SECONDS, LIVE_SECONDS, IDLE_SECONDS = 0.5, 1.0, 10.0  # between two looks: until the first record, then, at last
DOUBLE_CLICK_SECONDS = 2.0


def start(spec: TrainingSpec) -> None:
    """Train a spec and follow it."""
    now = time.monotonic()
    if now - st.session_state.get(START_PRESSED, -math.inf) > DOUBLE_CLICK_SECONDS:
        st.session_state[START_TOKEN] = secrets.token_urlsafe(8)
    st.session_state[START_PRESSED] = now
    try:
        run = services.submit(spec, st.session_state[START_TOKEN])
    except PerError as error:
        st.session_state[TRAIN_ERROR] = escaped(error)
        return
    st.query_params[RUN] = run
    st.query_params.pop(BESIDE, None)
    for chosen in (VIEW_NETWORKS, VIEW_SEED, VIEW_LAYERS, VIEW_UNIT):  # of what was looked at before
        st.session_state.pop(chosen, None)
        st.query_params.pop(chosen, None)
    st.session_state[TRAIN_NEW] = False


def show_form() -> None:
    """The form of a new comparison with its Start button; the presets alone for who trains nothing else."""
    with remembered(_("Start your own"), key=TRAIN_NEW):
        if permissions.is_limited():
            show_presets(start, services.limits_in_words())
            return
        spec = choose_spec()
        if spec is not None:
            acting_button(
                _("Start"),
                start,
                spec,
                type="primary",
                key="train_start",
                icon=":material/play_arrow:",
                help=services.limits_in_words(),
            )


def act(do: Callable[[str], None], run: str) -> None:
    """Stop or resume a run; what is refused is said on the page."""
    try:
        do(run)
    except PerError as error:
        st.session_state[TRAIN_ERROR] = escaped(error)
    st.rerun(LIVE)


def show_state(run: str) -> None:
    """The head of a run: state, progress, device, Stop or Resume."""
    status = services.manager().status(run)
    left, right = st.columns([6, 1], vertical_alignment="center")
    reached = _("epoch {epoch}") if status.epochs is None else _("epoch {epoch} of {epochs}")
    parts = [f"**{translated(STATES.get(status.state, status.state))}**"]
    parts.append(reached.format(epoch=status.epoch, epochs=status.epochs))
    if status.position:
        parts.append(_("place {position} in the queue").format(position=status.position))
    if status.device:
        parts.append(_("on {device}").format(device=escaped(status.device)))
    text = ", ".join(parts)
    left.markdown(text + (f". {escaped(reason)}" if (reason := explain(status, translated)) else ""))
    if status.epochs and status.state != "finished":
        left.progress(min(1.0, status.epoch / status.epochs))
    if status.state in {"queued", "starting", "running"} and services.may_lead(run):
        right.button(_("Stop"), on_click=act, args=(services.stop, run), key="train_stop", width="stretch")
    is_trained_here = status.epochs is not None
    if is_trained_here and status.state in {"stopped", "interrupted", "failed"} and services.may_lead(run):
        right.button(
            _("Resume"), on_click=act, args=(services.resume, run), key="train_resume", width="stretch", type="primary"
        )
    if status.state in {"failed", "interrupted"}:
        output = services.manager().last_output(run)
        if output:
            st.code("\n".join(map(plain, output)), language=None)


def show_comparisons(comparisons: "list[tuple[str, Comparison]]") -> None:
    """Everything that is drawn of a run, and of those beside it."""
    first = comparisons[0][1]
    for name, reason in first.problems.items():
        st.error(f"{escaped(name)}: {escaped(reason)}")
    networks = networks_of(comparisons)
    run_view.show_lost(networks)
    if not any(run.records for run in first.runs.values()):
        if first.status.is_live:
            run_view.show_awaited(first)
        return
    lead = st.container()
    last = max(run.records[-1].epoch for network in networks.values() for run in network.runs.values())
    with remembered(_("Layers, unit and scales of the picture"), key="train_view"):
        shown = choose_shown(networks, max(first.status.epochs or 0, last))
    furthest = {name: found for name, run in shown.runs.items() if (found := furthest_layer(run)) is not None}
    with lead:
        show_statement(train_statement(furthest), about_statement())
    layer = shown.layers[0]
    run_view.show_collapse(shown, layer)
    run_view.show_figure2(shown)
    trained_here = all(one.spec for _name, one in comparisons)
    beside = _("Perplexity and time") if shown.is_text else _("Loss, accuracy and time")
    when_open(beside, show_progress, shown, trained_here, key="train_learning")
    when_open(
        _("One layer over the epochs: SW1, PER, variance"), run_view.show_distances, shown, layer, key="train_layer"
    )
    when_open(
        translated(layer_over_epochs.CONDITIONING), run_view.show_conditioning, shown, layer, key="train_conditioning"
    )
    when_open(_("One layer over the epochs: distributions"), run_view.show_densities, shown, layer, key="train_shapes")
    when_open(_("Results of every network"), run_view.show_results, networks, comparisons, layer, key="train_table")
    when_open(_("Methods compared seed by seed, and along λ"), show_sweep, first, key="train_compared")


def show_example() -> None:
    """The comparison that ships: nobody's run, which nobody follows, renames or deletes."""
    services.watch_runs([])
    comparison = _kept(services.EXAMPLE, services.EXAMPLE_RUN)
    title = str(comparison.spec["title"])
    st.header(_("Example: {title}").format(title=translated(title)))
    show_comparisons([(title, comparison)])
    _show_spec(comparison)


def _show_spec(comparison: Comparison) -> None:
    with st.popover(_("What was asked for")):
        st.json(comparison.spec)


def follow(run: str, beside: list[str]) -> None:
    """One run, drawn again whenever it has changed."""
    entry = services.run_library().entry(run)
    if entry.state == "damaged":
        services.watch_runs([])
        st.error(escaped(explain(entry, translated)))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escaped(run_title(entry)))
        if entry.kind == "comparison":
            _show_spec(_opened(run))
    titles = _titles([run, *beside])
    services.watch_runs(list(titles))
    followed.follow(LIVE, lambda: _glance(run, titles), lambda: show_run(run, entry.title, titles))


def show_run(run: str, title: str, titles: Mapping[str, str]) -> None:
    """One run, and those beside it, as they are now."""
    if TRAIN_ERROR in st.session_state:  # Stop or Resume was refused: said at the head of the page
        st.rerun()
    try:
        show_state(run)
    except PerError as error:  # somebody may have deleted it; the list below says when it can be read again
        st.warning(_("A run cannot be shown. {reason}").format(reason=escaped(error)))
        return
    opened = {name: comparison for name in titles if (comparison := _opened_or_said(name))}
    if opened:
        show_comparisons([(titles[name], comparison) for name, comparison in opened.items()])
    if run in opened:
        run_view.show_links(opened[run], run, title)


def _glance(run: str, titles: Mapping[str, str]) -> followed.Glance:
    """How far the runs have come."""
    try:
        status = services.manager().status(run)
        opened = [_opened(name) for name in titles]
    except PerError as error:
        return followed.Glance(str(error), IDLE_SECONDS)
    recorded = [(one.status, one.problems, [len(of.records) for of in one.runs.values()]) for one in opened]
    awaited = status.state in ("starting", "running") and not any(any(counts) for _, _, counts in recorded)
    live = FIRST_SECONDS if awaited else LIVE_SECONDS
    changing = status.state in UNDER_WAY or status.state == "recorded"
    return followed.Glance(repr((status, recorded)), live if changing else IDLE_SECONDS)


def _titles(runs: list[str]) -> dict[str, str]:
    """What the runs are called, by their id, each differently; those that cannot be shown are named and left out."""
    found: dict[str, str] = {}
    for run in dict.fromkeys(runs):
        try:
            entry = services.run_library().entry(run)
        except PerError as error:
            st.warning(_("A run cannot be shown. {reason}").format(reason=escaped(error)))
            continue
        if entry.state == "damaged":
            st.warning(_("A run cannot be shown. {reason}").format(reason=escaped(explain(entry, translated))))
        else:
            title = run_title(entry)
            found[run] = run_label(run, title) if title in found.values() else title
    return found


def _opened_or_said(run: str) -> "Comparison | None":
    """A comparison; None, with the reason on the page, if it can no longer be read: somebody may have deleted it."""
    try:
        return _opened(run)
    except PerError as error:
        st.warning(_("A run cannot be shown. {reason}").format(reason=escaped(error)))
        return None


def _opened(run: str) -> "Comparison":
    """A comparison of the library."""
    return _kept(run, services.run_library().path(run))


def _kept(name: str, path: Path) -> "Comparison":
    """A comparison of which only new records are read again."""
    known = caches.opened_comparisons()
    known[name] = known[name].refresh() if name in known else open_comparison(path)
    return known[name]


st.title(_("Train networks and watch their activations"))
error = st.session_state.pop(TRAIN_ERROR, None)
if error:
    st.error(error)
show_form()
run = st.query_params.get(RUN)
if run is None:
    show_example()
else:
    try:
        follow(run, st.query_params.get_all(BESIDE))
    except PerError as refused:
        st.error(escaped(refused))
show_runs()
with remembered(_("What the authors report"), key="train_reported"):
    show_authors_results()
