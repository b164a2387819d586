"""What a notebook shows of an overview and of its layers: parts of the report, static and in English."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.survey.cell import Unread
from analysis.survey.heat_scale import HEAT_SCALES, POOLED_HEAT_SCALES
from analysis.survey.histogram_drawing import HistogramDrawing
from analysis.survey.overview import Overview, OverviewLayer
from analysis.survey.warnings import ListedWarning, list_warnings
from analysis.survey.wording import TEMPLATES, wording
from analysis.translations import ENGLISH, translations

MOST = {"warnings": 8, "layers": 20, "epochs": 20, "figures": 4}
"""How many of each are shown; what is shown says how many more there are."""


def overview_html(seen: Overview) -> str:
    """An overview: its warnings, its layers at its epochs, worst first, and the histograms of the worst."""
    layers = seen.worst(next(iter(seen.quantities)))[: MOST["layers"]]
    unread = sum(isinstance(cell, Unread) for cell in seen.cells.values())
    counts = {
        "layers": len(seen.layers),
        "epochs": len(seen.epochs),
        "read": len(seen.cells) - unread,
        "failed": unread,
    }
    return _render(
        "overview.html.jinja",
        seen,
        list_warnings(seen),
        counted=[(label, f"{count:,}") for label, count in counts.items()],
        layers=layers,
        drawings=[HistogramDrawing.of(seen, one) for one in layers if one in seen.histograms][: MOST["figures"]],
    )


def layer_html(layer: OverviewLayer) -> str:
    """A layer: its warnings, its quantities at its epochs, and its histogram."""
    seen, name = layer.overview, layer.name
    return _render(
        "overview_layer.html.jinja",
        seen,
        [one for one in list_warnings(seen) if one.layer == name],
        layer=name,
        drawing=HistogramDrawing.of(seen, name) if name in seen.histograms else None,
    )


def _render(template: str, seen: Overview, warnings: Sequence[ListedWarning], **values: object) -> str:
    return TEMPLATES.get_template(template).render(
        **wording(translations(ENGLISH)),
        seen=seen,
        warnings=warnings,
        most=MOST,
        epochs=seen.epochs[-MOST["epochs"] :],
        heat_scales=[one for one in (*HEAT_SCALES, *POOLED_HEAT_SCALES) if one.quantity in seen.quantities],
        **values,
    )
