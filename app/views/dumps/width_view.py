"""Width: the sizes of the layers of several dumps of one model, over the width of the network."""

from collections import Counter
from functools import partial

import pandas as pd
import streamlit as st

from analysis.dumps import inspect
from analysis.survey.width import WidthLine, shared_epochs, width_lines
from app.charts.across_layers import sizes_over_width
from app.charts.chart import show_chart
from app.session import services
from app.session.progress import waits_shown
from app.text.caption import show_statement
from app.text.enumeration import enumerated
from app.text.language import _, ngettext
from app.text.plain import escaped, label
from app.views.dumps.across_layers import MOST_ACROSS, choose_epoch, show_listed
from app.views.dumps.dump_map import column
from app.views.dumps.dump_source import OpenDump, read_all
from per_core.errors import PerError

MOST_WIDTHS = 12


def show_width(dump: OpenDump) -> None:
    """Further dumps, and a line a layer."""
    said = st.text_area(
        _("Dumps of the same model at other widths, one path a line"),
        key="dumps_widths",
        bind="query-params",
        height=100,
        help=_("Each is a file, a folder or a run directory on the server, with the same names of layers."),
    )
    paths = list(dict.fromkeys(line.strip() for line in said.splitlines() if line.strip()))
    if not paths:
        st.info(
            _(
                "Width needs two or more dumps: give the path of at least one more, of the same model with wider or"
                " narrower layers. With a right parametrisation every line is flat."
            )
        )
        return
    dumps = [dump, *_opened(paths[: MOST_WIDTHS - 1])]
    if len(dumps) < 2:
        return
    found = [one.overview for one in dumps]
    epochs = shared_epochs(found)
    if not epochs:
        st.warning(
            _("The dumps share no epoch: {epochs}. Give dumps that were written at the same epochs.").format(
                epochs="; ".join(
                    f"{escaped(one.name)}: {', '.join(map(column, one.overview.epochs[:4]))}" for one in dumps
                )
            )
        )
        return
    try:
        lines = width_lines(found, choose_epoch(epochs))
    except PerError as error:
        st.warning(escaped(error))
        return
    _show_lines(lines[:MOST_ACROSS])


def _opened(paths: list[str]) -> list[OpenDump]:
    """The dumps at these paths that can be read, names and layouts as they are proposed; the others are named."""
    opened = []
    for path in paths:
        try:
            with waits_shown():
                named, allowed = services.dump_place(path)
                inspection = inspect(named, allowed=allowed)
            if inspection.readable:
                opened.append(OpenDump(inspection.title, inspection, read_all(inspection)))
            else:
                st.warning(_("Nothing can be read in {path}: open it above to see why.").format(path=escaped(path)))
        except PerError as error:
            st.error(escaped(error))
    return opened


def _show_lines(lines: tuple[WidthLine, ...]) -> None:
    verdicts: dict[str, str] = {
        "flat": _("flat"),
        "grows": _("growing"),
        "shrinks": _("shrinking"),
        "unclear": _("unclear"),
    }
    count = Counter[str](line.verdict for line in lines)
    show_statement(
        _("{counts} of {layers}.").format(
            counts=enumerated([f"**{count[one]} {title}**" for one, title in verdicts.items() if count[one]]),
            layers=ngettext("{n:,} layer", "{n:,} layers", len(lines)).format(n=len(lines)),
        ),
        _(
            "The slope is that of ln size over ln width, by least squares, with its 95 % margin. Flat: all of slope ±"
            " margin within ±0.1, at most 7 % of change when the width doubles. Growing or shrinking: all of it beyond."
            " Two widths have no margin, and the slope alone decides. Another seed may move a line by more."
        ),
    )
    show_chart(
        partial(
            sizes_over_width, {label(line.layer): (line.widths, line.sizes, line.verdict) for line in lines}, verdicts
        ),
        key="dumps_width",
        height=420,
        alt=_("Root mean square of {layers:,} layers at {widths:,} widths: {verdicts}.").format(
            layers=len(lines),
            widths=len(lines[0].widths),
            verdicts=", ".join(f"{count[one]} {title}" for one, title in verdicts.items() if count[one]),
        ),
        about=_("The size of each layer over the width of the network: flat lines keep it."),
        precise=_(
            "Size is the root mean square of the rows read. The width of a network is the median number of units of the"
            " layers that are not as wide in all dumps."
        ),
    )
    table = pd.DataFrame(
        [
            {_("Layer"): line.layer, _("Slope"): line.slope, _("± (95 %)"): line.margin}
            | {_("Verdict"): verdicts[line.verdict]}
            | {_("Size at {width:,}").format(width=w): size for w, size in zip(line.widths, line.sizes, strict=True)}
            for line in lines
        ]
    )
    show_listed(
        table,
        {name: "%.3g" for name in table.columns if name not in (_("Layer"), _("Verdict"))},
        title=_("Width"),
        alt=_("Slope and size of every layer"),
        key="dumps_width_table",
    )
