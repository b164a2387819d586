"""The report of a dump: one HTML file that needs nothing else, holds aggregates only and stays below 3 MB.

Nothing of the dump gets into the file but as escaped and shortened text, and the file forbids itself every script and
every outside resource. What would make it too long is left out, and the report says how much that is.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from functools import partial
from gettext import NullTranslations
from importlib.metadata import version
from pathlib import Path

from analysis.citation import BIBTEX
from analysis.distances.directions import SEED
from analysis.distances.shipped_bands import DRAWS, gaussian_ratios
from analysis.dumps import Inspection, Verdict
from analysis.dumps.reasons import group_reasons
from analysis.plain_text import LONGEST_MESSAGE, plain
from analysis.progress import Progress
from analysis.survey.cell import Unread
from analysis.survey.heat_scale import HEAT_SCALES, POOLED_HEAT_SCALES
from analysis.survey.histogram_drawing import HistogramDrawing
from analysis.survey.layer_reading import MOST_ROWS, SLICES
from analysis.survey.member_rows import BLOCKS
from analysis.survey.origin import Origin, shown, specs_of
from analysis.survey.overview import Overview, overview
from analysis.survey.sentences import reason_title, row_sentence
from analysis.survey.warnings import FEWEST_ROWS, ListedWarning, list_warnings, unjudged
from analysis.survey.wording import TEMPLATES, wording
from analysis.translations import translations
from per_core import __version__
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

MOST = {"members": 200, "layers": 100, "epochs": 40, "warnings": 200, "unjudged": 20, "reasons": 20}
"""How many of each are listed; the report says how many more there are."""

SUFFIXES = (".html", ".htm")
UNNAMED = Origin()
TITLE = "PERscope report: "  # by which an earlier report is told from any other file, too
PACKAGES = ("torch", "numpy", "scipy", "safetensors")
VERDICTS: dict[Verdict, str] = {"refused": N_("refused"), "ok": N_("ok")}
"""In the order of the members."""


def write_report(
    inspection: Inspection, out: str | Path, *, origin: Origin = UNNAMED, on_progress: Progress | None = None
) -> Overview:
    """Read a dump and write its report; the overview that it shows is returned.

    Args:
        inspection: of the dump.
        origin: how it was asked for, which the report states.
        out: the file, .html or .htm, outside of the dump; an earlier report is replaced at once when this one is
            complete.
        on_progress: called as on_progress(members done, members in total).

    Raises:
        InvalidInputError: If the file cannot be written or must not be, before anything of the dump is read.
    """
    path = Path(out)
    _require_place(path, inspection.path)
    seen = overview(inspection, on_progress=on_progress)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(report_html(inspection, seen, origin), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error.strerror or str(error)) from error
    return seen


def _require_place(path: Path, dump: Path) -> None:
    """A report takes the place of nothing but an earlier report, and is told so before hours of reading."""
    place, source = path.resolve(), dump.resolve()
    if place.is_relative_to(source):
        raise InvalidInputError(
            N_(
                "A report is written outside of the dump, which it would overwrite or become a part of; {path} is"
                " {where}. Name a file elsewhere."
            ),
            path=path,
            where=Phrase(N_("the dump itself")) if place == source else Phrase(N_("in {name}"), name=dump.name),
        )
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInputError(
            N_("A report is a web page, {suffixes}; received {path}. Name it {name}.html."),
            suffixes=" or ".join(SUFFIXES),
            path=path,
            name=path.name or "report",
        )
    if path.is_dir():
        raise _unwritable(path, Phrase(N_("it is a folder")))
    if not path.parent.is_dir():
        raise _unwritable(path, Phrase(N_("there is no such folder")))
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, Phrase(N_("nothing may be written into its folder")))
    if os.path.lexists(path) and not _is_report(path):
        raise InvalidInputError(
            N_(
                "A report takes the place of an earlier report alone; {path} is another file. Name a new file, or"
                " remove this one first."
            ),
            path=path,
        )


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f"<title>{TITLE}".encode() in file.read(1024)
    except OSError:
        return False


def _unwritable(path: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "A report is written to a file in a folder that exists; {path} cannot be written: {reason}. Name another"
            " file."
        ),
        path=path,
        reason=reason,
    )


def report_html(inspection: Inspection, seen: Overview, origin: Origin = UNNAMED) -> str:
    """The report as a string, from an inspection and its overview, in the language that was asked for."""
    texts = translations(origin.language)
    warnings = list_warnings(seen)
    layers = seen.worst(next(iter(seen.quantities)))[: MOST["layers"]]
    members = sorted(inspection.members, key=lambda member: list(VERDICTS).index(member.verdict))
    count = Counter(member.verdict for member in members)
    return TEMPLATES.get_template("report.html.jinja").render(
        **wording(texts),
        verdict_name=lambda verdict: texts.gettext(VERDICTS[verdict]),
        reason_title=partial(reason_title, texts=texts),
        language=origin.language,
        title=TITLE,
        inspection=inspection,
        seen=seen,
        counted=[(label, f"{count:,}") for label, count in _facts(inspection, seen, warnings, texts)],
        warnings=warnings,
        unjudged=unjudged(seen),
        fewest_rows=FEWEST_ROWS,
        layers=layers,
        epochs=seen.epochs[-MOST["epochs"] :],
        heat_scales=[one for one in (*HEAT_SCALES, *POOLED_HEAT_SCALES) if one.quantity in seen.quantities],
        drawings=[HistogramDrawing.of(seen, layer) for layer in layers if layer in seen.histograms],
        rows=_rows(inspection, seen, texts),
        members=members,
        reasons=group_reasons(((one.name, one.reason) for one in inspection.refused), texts.gettext),
        verdicts=[(verdict, count[verdict]) for verdict in VERDICTS if count[verdict]],
        most=MOST,
        method={"rows": MOST_ROWS, "blocks": BLOCKS, "slices": SLICES, "draws": DRAWS, "ratios": gaussian_ratios},
        made={
            "version": __version__,
            "date": origin.date,
            "command": plain(origin.command(inspection), LONGEST_MESSAGE),
        },
        seed=SEED,
        plan=shown(inspection.plan.to_toml()),
        specs=specs_of(inspection),
        bibtex=BIBTEX,
        versions=[f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in PACKAGES)],
    )


def _rows(inspection: Inspection, seen: Overview, texts: NullTranslations) -> dict[str, str]:
    """What a row is, in words, of each layer whose files state it; at its latest epoch."""
    found = {}
    for (layer, _epoch), name in seen.members.items():
        row = inspection.member(name).row
        if row is not None:
            found[layer] = row_sentence(row, texts)
    return found


def _facts(
    inspection: Inspection, seen: Overview, warnings: Sequence[ListedWarning], texts: NullTranslations
) -> tuple[tuple[str, int], ...]:
    """What is counted at the top."""
    _ = texts.gettext
    severe = sum(one.warning.severity == "severe" for one in warnings)
    unread = sum(isinstance(reading, Unread) for reading in seen.cells.values())
    return (
        (_("layers"), len(seen.layers)),
        (_("epochs"), len(seen.epochs)),
        (_("members"), len(inspection.members)),
        (_("read"), len(seen.cells) - unread),
        (_("failed"), unread),
        (_("refused"), len(inspection.refused)),
        (_("left out"), len(inspection.left_out)),
        (_("other files"), len(inspection.ignored)),
        (_("severe warnings"), severe),
        (_("mild warnings"), len(warnings) - severe),
    )
