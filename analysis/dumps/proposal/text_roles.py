"""Roles of the texts in names: splits, methods, and the layer, which is what is left of a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from analysis.dumps.plan.name_form import literal
from analysis.dumps.proposal.family import PLACE, Family, Place, Slot
from analysis.dumps.proposal.number_words import NumberRoles
from analysis.dumps.proposal.words import COUNTING, MORE_SPLITS, NOISE, SPLITS, role_of_word

TOKEN = re.compile(r"(?:^|(?<=[_\-\s.=]))([A-Za-z]+)(?=$|[_\-\s.=\x00])")
SEPARATORS = " _-.,=+"
ENDINGS = frozenset({"output", "outputs"})  # of names that tell an output from another: pooler_output


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


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a part of a name.

    Attributes:
        text: as it stands in a form, outside of braces.
        core: the text between that may be the layer's, "#" for numbers of the layer; empty if there is none.
        glob: the same as it stands in a form.
        tail: text behind it.
        has_layer, varies: whether a number in it is the layer's, and whether one changes.
        is_field: whether it is a field alone.
        slots: the numbers in the core that change.
    """

    text: str
    core: str = ""
    glob: str = ""
    tail: str = ""
    has_layer: bool = False
    varies: bool = False
    is_field: bool = False
    slots: tuple[Slot, ...] = field(default=(), compare=False)


def name_forms(families: Sequence[Family], roles: NumberRoles) -> list[str]:
    """The forms of the names of families."""
    parts = [_parts(family, roles, cuts_noise=True) for family in families]
    if _are_confused(families, parts):
        parts = [_parts(family, roles, cuts_noise=False) for family in families]
    _find_methods(parts)
    layers = _without_files(families, parts, _layers(parts))
    forms = []
    for family, pieces, kept in zip(families, parts, layers, strict=True):
        is_layer = set(map(id, kept))
        way = family.skeleton.split("/")
        written = []
        for number, part in enumerate(pieces):
            suffix = way[number].removeprefix(family.parts[number])
            written.append("".join(_written(piece, id(piece) in is_layer) for piece in part) + literal(suffix))
        forms.append("/".join(written))
    return forms


def _layers(names: Sequence[list[list[Piece]]]) -> list[list[Piece]]:
    """The pieces of each name that are the layer: what is not the same in all names of its kind.

    Names are of one kind if their fields are the same; if then two kinds had a layer of one name, all are of one kind.
    """
    kinds: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for number, parts in enumerate(names):
        fields = tuple(tuple(piece.text for piece in pieces if piece.is_field) for pieces in parts)
        kinds.setdefault(fields, []).append(number)
    found = _layers_of_kinds(names, list(kinds.values()))
    home: dict[tuple[str, ...], int] = {}
    for kind, numbers in enumerate(kinds.values()):
        for number in numbers:
            if home.setdefault(tuple(piece.core for piece in found[number]), kind) != kind:
                return _layers_of_kinds(names, [list(range(len(names)))])
    return found


def _without_files(
    families: Sequence[Family], names: Sequence[list[list[Piece]]], layers: list[list[Piece]]
) -> list[list[Piece]]:
    """The layers without the names of the files they are in, if their keys tell all of them apart."""
    fewer = []
    for family, parts, kept in zip(families, names, layers, strict=True):
        in_file = (
            [piece for piece in parts[family.file] if not (piece.varies or piece.has_layer)] if family.inner else []
        )
        left = [piece for piece in kept if not any(piece is one for one in in_file)]
        fewer.append(left or kept)
    if all(len(left) == len(kept) for left, kept in zip(fewer, layers, strict=True)):
        return layers
    home: dict[str, tuple[str, ...]] = {}
    for left, kept in zip(fewer, layers, strict=True):
        dropped = tuple(piece.core for piece in kept if not any(piece is one for one in left))
        if any(home.setdefault(name, dropped) != dropped for name in _spelled(left)):
            return layers
    return fewer


def _spelled(pieces: Sequence[Piece]) -> set[str]:
    """All names of layers that pieces stand for."""
    text = "/".join(piece.core for piece in pieces)
    slots = [slot for piece in pieces for slot in piece.slots]
    if not slots:
        return {text}
    ends = text.split(PLACE)
    return {
        "".join(word for pair in zip(ends, (*values, ""), strict=True) for word in pair)
        for values in set(zip(*(slot.values for slot in slots), strict=True))
    }


def _layers_of_kinds(names: Sequence[list[list[Piece]]], kinds: Sequence[list[int]]) -> list[list[Piece]]:
    found: list[list[Piece]] = [[] for _ in names]
    for numbers in kinds:
        cores = [{piece.core for part in names[number] for piece in part if piece.core} for number in numbers]
        common = set.intersection(*cores) if len(cores) > 1 else set()
        for number in numbers:
            found[number] = _kept(names[number], common, is_single=len(numbers) == 1)
    return found


def _are_confused(families: Sequence[Family], names: Sequence[list[list[Piece]]]) -> bool:
    """Whether names differ in nothing but words that say nothing: "fc1_act", "fc1_output"."""
    seen: dict[object, object] = {}
    for family, parts in zip(families, names, strict=True):
        told = tuple(
            tuple(piece.core or piece.text for piece in pieces if piece.core or piece.is_field) for pieces in parts
        )
        whole = tuple(map(tuple, parts))
        if seen.setdefault((family.axes, told), whole) != whole:
            return True
    return False


def _parts(family: Family, roles: NumberRoles, *, cuts_noise: bool) -> list[list[Piece]]:
    return [
        _pieces(
            text,
            [slot for slot in family.slots if slot.part == part],
            roles,
            _within(family.split, part),
            cuts_noise=cuts_noise,
        )
        for part, text in enumerate(family.parts)
    ]


def _find_methods(names: Sequence[list[list[Piece]]]) -> None:
    """Texts before a number or a split, behind each of which the same layers come, are methods: "bn_epoch_3/fc1"."""
    places: dict[tuple[int, tuple[Piece, ...]], dict[str, list[int]]] = {}
    for number, parts in enumerate(names):
        for part, pieces in enumerate(parts[:-1]):
            if len(pieces) > 1 and pieces[0].core and not pieces[0].has_layer and not pieces[0].text:
                outer = tuple(piece for above in parts[:part] for piece in above)
                places.setdefault((part, outer), {}).setdefault(pieces[0].core, []).append(number)
    for (part, _), by_text in places.items():
        if len(by_text) < 2 or all(_speaks_of_layers(text) for text in by_text):
            continue
        tails = [
            {(*names[number][part][1:], *map(tuple, names[number][part + 1 :])) for number in numbers}
            for numbers in by_text.values()
        ]
        below = [piece for number in by_text[min(by_text)] for inner in names[number][part + 1 :] for piece in inner]
        has_layers = len(tails[0]) > 1 or any(piece.has_layer and piece.varies for piece in below)
        if has_layers and all(own == tails[0] for own in tails):
            for number in (number for numbers in by_text.values() for number in numbers):
                first = names[number][part][0]
                names[number][part][0] = replace(first, text="{method}", core="", glob="")


def _speaks_of_layers(text: str) -> bool:
    return any(role_of_word(word) == "layer" for word in re.findall(r"[a-z]+", text.lower()))


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


def _within(split: Place | None, part: int) -> tuple[int, int] | None:
    return None if split is None or split[0] != part else split[1:]


def _pieces(
    text: str, slots: Sequence[Slot], roles: NumberRoles, split: tuple[int, int] | None, *, cuts_noise: bool
) -> list[Piece]:
    """A part of a name cut at the numbers that have a role and at the split."""
    cut = partial(_cut, roles=roles, cuts_noise=cuts_noise)
    by_place = {len(slot.before): slot for slot in slots}
    pieces: list[Piece] = []
    run: list[str | Slot] = []
    position = 0
    while position < len(text):
        slot = by_place.get(position)
        if split is not None and position == split[0]:
            pieces += cut(run)
            pieces.append(Piece("{split}", is_field=True))
            run, position = [], split[1]
            continue
        role = roles.of(slot) if slot is not None else None
        if slot is None or role in (None, "layer"):
            run.append(text[position] if slot is None else slot)
            position += 1
            continue
        pieces += cut(run, is_before_number=True)
        pieces.append(Piece("*" if role == "ignored" else f"{{{role}}}", is_field=True))
        run, position = [], position + 1
        following = by_place.get(position + 1)
        if following is not None and following.key in roles.decimals:
            position += 2
    return pieces + cut(run)


def _cut(
    run: Sequence[str | Slot], *, roles: NumberRoles, cuts_noise: bool, is_before_number: bool = False
) -> list[Piece]:
    """A run of text and of the layer's numbers: what is around the layer, and the layer between."""
    signs = [one if isinstance(one, str) else PLACE for one in run]
    text = "".join(signs)
    begin, end = _core(text, is_before_number=is_before_number, cuts_noise=cuts_noise)
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
            slots=tuple(varying),
        )
    ]


def _core(text: str, *, is_before_number: bool, cuts_noise: bool) -> tuple[int, int]:
    """Where in a run the layer may be: separators, and words that count or say nothing, are cut off at both ends."""
    begin, end = 0, len(text)
    if is_before_number:
        word = re.search(r"[A-Za-z]+(?=[^A-Za-z\x00]*$)", text)
        if word and word[0].lower() in COUNTING:
            end = word.start()
    changed = True
    while changed and begin < end:
        changed = False
        while begin < end and text[begin] in SEPARATORS:
            begin, changed = begin + 1, True
        while begin < end and text[end - 1] in SEPARATORS:
            end, changed = end - 1, True
        first = re.match(r"[A-Za-z]+(?=[^A-Za-z\x00])", text[begin:end]) if cuts_noise else None
        if first and first[0].lower() in NOISE and re.search(r"[A-Za-z]", text[begin + first.end() : end]):
            begin, changed = begin + first.end(), True
        last = re.search(r"(?<=[^A-Za-z])[A-Za-z]+$", text[begin:end]) if cuts_noise else None
        if last and last[0].lower() in NOISE - ENDINGS and re.search(r"[A-Za-z]", text[begin : begin + last.start()]):
            end, changed = begin + last.start(), True
    if cuts_noise and text[begin:end].lower() in NOISE:
        begin = end
    return begin, end


def _plain(one: str | Slot) -> str:
    if isinstance(one, str):
        return one
    return one.values[0] if one.is_constant else PLACE


def _as_form(run: Sequence[str | Slot]) -> str:
    return "".join(literal(one) if isinstance(one, str) else one.values[0] if one.is_constant else "*" for one in run)
