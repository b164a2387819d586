"""Figure 2 of one seed, a panel a method, above the test accuracies of all seeds."""

import math

import numpy as np

from analysis.lesson.seeds import Training
from app.charts.epochs import Look, looks
from app.charts.marks import Figure, head, line
from app.charts.palette import MUTED
from app.text.language import _

LIFT = 0.26  # between two methods of a seed, which can be equal


def figure2_of_one_seed(training: Training, titles: dict[str, str], *, revealed: bool) -> Figure:
    """Above, one unit over the epochs, a panel a method; below, test accuracies, those of other seeds once answered.

    Args:
        training: what is drawn.
        titles: of the methods, by name.
        revealed: whether it is answered.
    """
    looked = dict(zip(titles, looks(list(titles.values())).values(), strict=True))
    above, below = _units(training, titles, looked), _accuracies(training, titles, looked, revealed=revealed)
    notes = [*above["layout"].pop("annotations"), *below["layout"].pop("annotations")]
    return {
        "data": above["data"] + below["data"],
        "layout": {
            **above["layout"],
            **below["layout"],
            "annotations": notes,
            "showlegend": False,
            "margin": {"l": 64, "r": 20, "t": 30, "b": 48},
        },
    }


def _units(training: Training, titles: dict[str, str], looked: dict[str, Look]) -> Figure:
    """Median and middle half of the unit of each method, all on one vertical scale."""
    low = min(float(unit.lower.min()) for unit in training.units.values())
    high = max(float(unit.upper.max()) for unit in training.units.values())
    margin, width = 0.06 * (high - low), 0.94 / len(titles)
    data: list[Figure] = []
    layout: Figure = {"annotations": []}
    for place, (method, title) in enumerate(titles.items(), start=1):
        unit, look, end = training.units[method], looked[method], "" if place == 1 else str(place)
        epochs = unit.epochs.astype(np.float32)
        data += [
            {
                "type": "scatter",
                "x": np.concatenate([epochs, epochs[::-1]]),
                "y": np.concatenate([unit.upper, unit.lower[::-1]]).astype(np.float32),
                "name": _("{name}, 0.25 to 0.75").format(name=title),
                "mode": "lines",
                "fill": "toself",
                "fillcolor": look.band,
                "line": {"width": 0},
                "hoverinfo": "skip",
                "xaxis": f"x{end}",
                "yaxis": f"y{end}",
            },
            {
                **line(unit.epochs, unit.median, look.colour, f"x{end}", f"y{end}"),
                "name": _("{name}, median").format(name=title),
            },
        ]
        left = (place - 1) * (width + 0.03)
        layout[f"xaxis{end}"] = {
            "domain": [left, left + width],
            "anchor": f"y{end}",
            "range": [0, float(unit.epochs[-1])],
            "tickvals": [0, 5, 10, 15],
            "title": {"text": _("epoch") if place == 2 else "", "standoff": 4},
        }
        layout[f"yaxis{end}"] = {
            "domain": [0.56, 0.96],
            "anchor": f"x{end}",
            "range": [low - margin, high + margin],
            "nticks": 5,
            "showticklabels": place == 1,
        }
        layout["annotations"].append(head(title, 0.96, left + width / 2, look.colour))
    return {"data": data, "layout": layout}


def _accuracies(training: Training, titles: dict[str, str], looked: dict[str, Look], *, revealed: bool) -> Figure:
    """A row a seed, a mark a method, the best named."""
    data: list[Figure] = []
    notes = [head(_("test accuracy (%)"), 0.34)]
    for row, seed in enumerate(training.seeds):
        if not revealed and seed != training.seed:
            notes.append(_hidden(row))
            continue
        for place, (method, title) in enumerate(titles.items()):
            x, y = 100 * training.accuracy[method][seed], row + LIFT * (place - 1)
            data.append(_tested(x, y, _("{method}, seed {seed}").format(method=title, seed=seed), looked[method]))
            if method == training.best(seed):
                notes.append(_best(x, y, title, looked[method]))
    return {
        "data": data,
        "layout": {
            "annotations": notes,
            "xaxis9": {"anchor": "y9", "range": _accuracy_limits(training)},
            "yaxis9": {
                "anchor": "x9",
                "domain": [0, 0.32],
                "range": [len(training.seeds) - 0.5, -0.5],
                "tickvals": list(range(len(training.seeds))),
                "ticktext": [_("seed {seed}").format(seed=seed) for seed in training.seeds],
                "zeroline": False,
            },
        },
    }


def _tested(x: float, y: float, name: str, look: Look) -> Figure:
    """The test accuracy of one network."""
    return {
        "type": "scatter",
        "x": [x],
        "y": [y],
        "name": name,
        "mode": "markers",
        "marker": {"color": look.colour, "symbol": look.symbol, "size": 14},
        "xaxis": "x9",
        "yaxis": "y9",
        "hovertemplate": "%{x:.1f} %",
    }


def _best(x: float, y: float, title: str, look: Look) -> Figure:
    """The name of the best network of a seed, beside its mark."""
    return {
        "text": title,
        "xref": "x9",
        "yref": "y9",
        "x": x,
        "y": y,
        "xanchor": "left",
        "xshift": 10,
        "showarrow": False,
        "font": {"color": look.colour},
    }


def _hidden(row: int) -> Figure:
    """The row of a seed that is not shown yet."""
    return {
        "text": "?",
        "xref": "x9 domain",
        "yref": "y9",
        "x": 0.5,
        "y": row,
        "showarrow": False,
        "font": {"color": MUTED},
    }


def _accuracy_limits(training: Training) -> list[float]:
    """Whole per cent around all seeds, so that the axis does not say where the hidden ones are."""
    every = [100 * one for by_seed in training.accuracy.values() for one in by_seed.values()]
    return [math.floor(min(every)) - 1.0, min(100.0, math.ceil(max(every)) + 1.0)]
