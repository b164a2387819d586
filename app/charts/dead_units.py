"""How many units of each layer do not change over the images of a probe."""

from analysis.lesson.probe import DeadUnits
from app.charts.marks import Figure
from app.charts.palette import ALARM, TEXT, theme_colour
from app.text.language import _, ngettext


def dead_units(found: DeadUnits, *, revealed: bool) -> Figure:
    """How many units of each layer do not change over a few images and, once it is answered, over all of them."""
    layers = list(found.units)[::-1]
    series = [(found.few, found.over_few, theme_colour("gray", 0.45))]
    if revealed:  # below the other, which of horizontal bars is the first
        series.insert(0, (found.all, found.over_all, ALARM))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": layers,
                "x": [counts[layer] for layer in layers],
                "name": ngettext("{count} image", "{count} images", images).format(count=images),
                "marker": {"color": colour},
                "text": [str(counts[layer]) for layer in layers],
                "textposition": "outside",
                "textfont": {"color": TEXT},
                "cliponaxis": False,
                "constraintext": "none",
            }
            for images, counts, colour in series
        ],
        "layout": {
            "barmode": "group",
            "bargap": 0.15,
            "showlegend": True,
            "legend": {"traceorder": "reversed"},
            "margin": {"l": 70, "r": 24, "t": 40, "b": 48},
            "xaxis": {
                "title": {"text": _("units that do not change, of {units}").format(units=max(found.units.values()))},
                "range": [0, max(found.units.values()) + 1.5],
                "dtick": 4,
            },
        },
    }
