"""Sweeps of a comparison, read from its spec: methods that differ by numbers alone, and what each is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.runs.grid import OPTIMISER, read_name
from analysis.runs.spec import VANILLA, MethodSpec, TrainingSpec

Numbers = Mapping[str, float]  # "per.weight" -> λ, "learning_rate" -> that of SGD
LineKey = tuple[str, tuple[tuple[str, float], ...]]  # the number along a line, and the others, with their values


@dataclass(frozen=True, slots=True)
class Sweep:
    """Methods of a comparison that differ by numbers alone; one method that is alone is a sweep of one.

    Attributes:
        name: what its members are called without their numbers, or the combination; unique in a comparison.
        combination: of which methods.
        varied: names of the numbers that differ, in the order of the methods' parameters, those of SGD last; none of a
            sweep of one.
        members: label of each method -> its values of them, by name.
    """

    name: str
    combination: str
    varied: tuple[str, ...]
    members: Mapping[str, Numbers]

    def lines(self, quantity: str) -> dict[LineKey, tuple[tuple[float, str], ...]]:
        """The members along a number, those together that agree in all others.

        Args:
            quantity: the name of the number without that of its method, "weight"; of "per+l2" it is two numbers.

        Returns:
            (value, label) of each member of a line, values increasing; every member is on one line along each number.
        """
        lines: dict[LineKey, list[tuple[float, str]]] = {}
        for name in self.varied:
            if quantity_of(name) == quantity:
                for label, numbers in self.members.items():
                    others = tuple((other, value) for other, value in numbers.items() if other != name)
                    lines.setdefault((name, others), []).append((numbers[name], label))
        return {key: tuple(sorted(line)) for key, line in lines.items()}


def quantity_of(name: str) -> str:
    """The name of a number without that of its method: "weight" of "per.weight"."""
    return name.rpartition(".")[2]


def sweeps(spec: TrainingSpec) -> tuple[Sweep, ...]:
    """Every method of a comparison in one sweep: those of a combination that is put in alike, or one that is alone."""
    groups: dict[tuple[str, str, str], list[MethodSpec]] = {}
    for method in spec.methods:
        groups.setdefault((method.combination, method.reduction, method.layout), []).append(method)
    labels = {method.label for method in spec.methods}
    found: dict[str, Sweep] = {}
    for (combination, *how), methods in groups.items():
        numbers = {method.label: numbers_of(spec, method) for method in methods}
        varied = tuple(name for name in numbers[methods[0].label] if len({own[name] for own in numbers.values()}) > 1)
        members = {label: {name: own[name] for name in varied} for label, own in numbers.items()}
        if varied:
            stems = {read_name(label)[0] for label in members}
            name = stems.pop() if len(stems) == 1 else combination
            if name in found or name in labels - members.keys():
                name = ", ".join(dict.fromkeys((name, combination, *how)))
            found[name] = Sweep(name, combination, varied, members)
        else:
            found |= {label: Sweep(label, combination, (), {label: {}}) for label in members}
    return tuple(found.values())


def numbers_of(spec: TrainingSpec, method: MethodSpec) -> dict[str, float]:
    """Every number that a method of a comparison is built and trained with."""
    built = {f"{one.key}.{name}": value for one in method.methods for name, value in method.parameters(one).items()}
    trained = spec.of_method(method)
    return built | {name: getattr(trained, name) for name in OPTIMISER}


def references(spec: TrainingSpec) -> dict[str, str]:
    """Label of each method -> label of what it is compared with.

    That is vanilla, where there are several the one with the same numbers of SGD or else the first; in a comparison
    without vanilla, the first method.
    """
    vanilla = [method for method in spec.methods if method.combination == VANILLA] or [spec.methods[0]]
    trained = {_trained(spec, method): method.label for method in reversed(vanilla)}
    return {method.label: trained.get(_trained(spec, method), vanilla[0].label) for method in spec.methods}


def _trained(spec: TrainingSpec, method: MethodSpec) -> tuple[float, ...]:
    numbers = numbers_of(spec, method)
    return tuple(numbers[name] for name in OPTIMISER)
