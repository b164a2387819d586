"""Roles of the texts in names: splits, methods, samples, and the layer, which is what is left of a name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.dumps.name_form import NameRole, literal
from analysis.dumps.proposal.family import PLACE, SPLIT, Family, Place, Slot
from analysis.dumps.proposal.number_roles import NumberRoles
from analysis.dumps.proposal.words import MORE_SPLITS, NOISE, NUMBER_WORDS, SPLITS

TOKEN = re.compile(r"(?:^|(?<=[_\-\s.=]))([A-Za-z]+)(?=$|[_\-\s.=#])")
SEPARATORS = " _-.,=+"
FEWEST_SAMPLES = 3
COUNTING = frozenset().union(*(words for role, words in NUMBER_WORDS.items() if role != "layer"))


@dataclass(slots=True)
class TextRoles:
    """Roles of texts, by the number of the family.

    Attributes:
        splits: where the word of the split stands.
        wholes: parts that are one thing as a whole, and which.
    """

    splits: Mapping[int, Place]
    wholes: dict[int, dict[int, NameRole]] = field(default_factory=dict)


def text_roles(families: Sequence[Family], splits: Mapping[int, Place], roles: NumberRoles) -> TextRoles:
    """The roles of the texts in the names of families, but for the layer's."""
    found = TextRoles(splits)
    _find_wholes(families, found, roles)
    return found


def find_splits(families: Sequence[Family]) -> dict[int, Place]:
    """Where splits stand, by the number of the family: words that are splits by themselves, or beside such words."""
    found: dict[int, Place] = {}
    beside: dict[tuple[str, ...], list[tuple[int, Place, str]]] = {}
    for number, family in enumerate(families):
        for part, text in enumerate(family.parts):
            for token in TOKEN.finditer(text):
                word = token[1].lower()
                if word in SPLITS or word in MORE_SPLITS:
                    place = part, token.start(1), token.end(1)
                    around = tuple(
                        f"{text[: place[1]]}|{text[place[2] :]}" if other == part else one
                        for other, one in enumerate(family.parts)
                    )
                    beside.setdefault(around, []).append((number, place, word))
    for places in beside.values():
        words = {word for _, _, word in places}
        if not (words & SPLITS or len(words) > 1):
            continue
        for number, place, word in places:
            is_whole = families[number].parts[place[0]].lower() == word
            if number not in found or is_whole:
                found[number] = place
    return found


def _find_wholes(families: Sequence[Family], found: TextRoles, roles: NumberRoles) -> None:
    """Parts that differ from family to family: samples that are called something, and methods."""
    signed = [family.signature for family in families]
    deepest = max((len(parts) for parts in signed), default=0)
    for part in range(deepest):
        alike: dict[tuple[object, ...], list[int]] = {}
        for number, parts in enumerate(signed):
            if part < len(parts) and SPLIT not in parts[part]:
                key = (*parts[:part], None, *parts[part + 1 :], families[number].axes)
                alike.setdefault(key, []).append(number)
        for numbers in alike.values():
            if len({signed[number][part] for number in numbers}) >= FEWEST_SAMPLES and _are_samples(
                [families[number] for number in numbers]
            ):
                for number in numbers:
                    found.wholes.setdefault(number, {})[part] = "sample"
    _find_methods(families, signed, found, roles)


def _are_samples(alike: Sequence[Family]) -> bool:
    """Whether families are samples: vectors of one length, or arrays of as many units and different numbers of rows."""
    shapes = [shape for family in alike for shape in family.shapes]
    if alike[0].axes == 1:
        return len(set(shapes)) == 1 and shapes[0][0] > 1
    return len({shape[1:] for shape in shapes}) == 1 and len({shape[0] for shape in shapes}) > len(alike) // 2


def _find_methods(
    families: Sequence[Family], signed: Sequence[list[str]], found: TextRoles, roles: NumberRoles
) -> None:
    """Folders that hold the same layers each."""
    for part in range(max((len(parts) for parts in signed), default=0) - 1):
        within: dict[tuple[str, ...], dict[str, set[tuple[object, ...]]]] = {}
        for number, parts in enumerate(signed):
            if part < len(parts) - 1 and SPLIT not in parts[part] and part not in found.wholes.get(number, {}):
                inner = within.setdefault(tuple(parts[:part]), {}).setdefault(parts[part], set())
                inner.add((*parts[part + 1 :], families[number].axes))
        for above, folders in within.items():
            inside = list(folders.values())
            if len(folders) < 2 or any(one != inside[0] for one in inside):
                continue
            members = [
                number
                for number, parts in enumerate(signed)
                if tuple(parts[:part]) == above and part < len(parts) - 1 and parts[part] in folders
            ]
            if len(inside[0]) > 1 or any(_has_layers_below(families[number], part, roles) for number in members):
                for number in members:
                    found.wholes.setdefault(number, {})[part] = "method"


def _has_layers_below(family: Family, part: int, roles: NumberRoles) -> bool:
    return any(slot.part > part and not slot.is_constant and roles.of(slot) == "layer" for slot in family.slots)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a part of a name.

    Attributes:
        text: as it stands in a form, outside of braces.
        core: the text between that may be the layer's, "#" for numbers of the layer; empty if there is none.
        glob: the same as it stands in a form.
        tail: text behind it.
        has_layer, varies: whether a number in it is the layer's, and whether one changes.
    """

    text: str
    core: str = ""
    glob: str = ""
    tail: str = ""
    has_layer: bool = False
    varies: bool = False


def name_forms(families: Sequence[Family], roles: NumberRoles, texts: TextRoles) -> list[str]:
    """The forms of the names of families."""
    parts = [_parts(number, family, roles, texts) for number, family in enumerate(families)]
    own = [{piece.core for part in pieces for piece in part if piece.core} for pieces in parts]
    common = set.intersection(*own) if len(own) > 1 else set()
    forms = []
    for family, pieces in zip(families, parts, strict=True):
        kept = _kept(pieces, common, is_single=len(families) == 1)
        way = family.skeleton.split("/")
        written = []
        for number, part in enumerate(pieces):
            suffix = way[number].removeprefix(family.parts[number])
            written.append("".join(_written(piece, piece in kept) for piece in part) + literal(suffix))
        forms.append("/".join(written))
    return forms


def _kept(parts: Sequence[Sequence[Piece]], common: set[str], *, is_single: bool) -> list[Piece]:
    """The pieces that are the layer: what changes, or what other names have not; of two alike the inner one."""
    cores = [piece for part in parts for piece in part if piece.core]
    kept = [piece for piece in cores if piece.varies or not (is_single or piece.core in common)]
    if not kept:
        kept = [piece for piece in cores if piece.has_layer][-1:] or cores[-1:]
    last = {piece.core: piece for piece in kept}
    return [piece for piece in kept if last[piece.core] is piece]


def _written(piece: Piece, is_layer: bool) -> str:
    if not is_layer:
        return piece.text + piece.glob + piece.tail
    field = "{layer}" if piece.glob == "*" else f"{{layer:{piece.glob}}}"
    return piece.text + field + piece.tail


def _parts(number: int, family: Family, roles: NumberRoles, texts: TextRoles) -> list[list[Piece]]:
    wholes = texts.wholes.get(number, {})
    split = texts.splits.get(number)
    return [
        [Piece(f"{{{wholes[part]}}}")]
        if part in wholes
        else _pieces(text, [slot for slot in family.slots if slot.part == part], roles, _within(split, part))
        for part, text in enumerate(family.parts)
    ]


def _within(split: Place | None, part: int) -> tuple[int, int] | None:
    return None if split is None or split[0] != part else split[1:]


def _pieces(text: str, slots: Sequence[Slot], roles: NumberRoles, split: tuple[int, int] | None) -> list[Piece]:
    """A part of a name cut at the numbers that have a role and at the split."""
    by_place = {len(slot.before): slot for slot in slots}
    pieces: list[Piece] = []
    run: list[str | Slot] = []
    position = 0
    while position < len(text):
        slot = by_place.get(position)
        if split is not None and position == split[0]:
            pieces += _cut(run, roles, is_before_number=False)
            pieces.append(Piece("{split}"))
            run, position = [], split[1]
            continue
        role = roles.of(slot) if slot is not None else None
        if slot is None or role in (None, "layer"):
            run.append(text[position] if slot is None else slot)
            position += 1
            continue
        pieces += _cut(run, roles, is_before_number=True)
        pieces.append(Piece("*" if role == "ignored" else f"{{{role}}}"))
        run, position = [], position + 1
        following = by_place.get(position + 1)
        if following is not None and following.key in roles.decimals:
            position += 2
    return pieces + _cut(run, roles, is_before_number=False)


def _cut(run: Sequence[str | Slot], roles: NumberRoles, *, is_before_number: bool) -> list[Piece]:
    """A run of text and of the layer's numbers: what is around the layer, and the layer between."""
    signs = [one if isinstance(one, str) else PLACE for one in run]
    text = "".join(signs)
    begin, end = _core(text, is_before_number=is_before_number)
    varying = [one for one in run[begin:end] if isinstance(one, Slot) and not one.is_constant]
    core = "".join(_plain(one) for one in run[begin:end])
    return [
        Piece(
            text=_as_form(run[:begin]),
            core=core,
            glob=_as_form(run[begin:end]),
            tail=_as_form(run[end:]),
            has_layer=any(isinstance(one, Slot) and roles.of(one) == "layer" for one in run[begin:end]),
            varies=bool(varying),
        )
    ]


def _core(text: str, *, is_before_number: bool) -> tuple[int, int]:
    """Where in a run the layer may be: separators, and words that count or say nothing, are cut off at both ends."""
    begin, end = 0, len(text)
    if is_before_number:
        word = re.search(r"[A-Za-z]+(?=[^A-Za-z#]*$)", text)
        if word and word[0].lower() in COUNTING:
            end = word.start()
    changed = True
    while changed and begin < end:
        changed = False
        while begin < end and text[begin] in SEPARATORS:
            begin, changed = begin + 1, True
        while begin < end and text[end - 1] in SEPARATORS:
            end, changed = end - 1, True
        first = re.match(r"[A-Za-z]+(?=[^A-Za-z#])", text[begin:end])
        if first and first[0].lower() in NOISE and re.search(r"[A-Za-z]", text[begin + first.end() : end]):
            begin, changed = begin + first.end(), True
        last = re.search(r"(?<=[^A-Za-z])[A-Za-z]+$", text[begin:end])
        if last and last[0].lower() in NOISE and re.search(r"[A-Za-z]", text[begin : begin + last.start()]):
            end, changed = begin + last.start(), True
    if text[begin:end].lower() in NOISE:
        begin = end
    return begin, end


def _plain(one: str | Slot) -> str:
    if isinstance(one, str):
        return one
    return one.values[0] if one.is_constant else PLACE


def _as_form(run: Sequence[str | Slot]) -> str:
    return "".join(literal(one) if isinstance(one, str) else one.values[0] if one.is_constant else "*" for one in run)
