"""Dumps: activation files of any kind. `inspect` says what is in one and what is wrong with it, `load` reads a member.

>>> inspection = inspect("dump.npz")  # doctest: +SKIP
>>> [(member.name, member.shape, member.verdict, member.reason) for member in inspection.members]  # doctest: +SKIP
>>> batch = inspection.load("features.6")  # doctest: +SKIP
"""

from analysis.dumps.inspection import FileVersion, Inspection, Member, Verdict, inspect, load
from analysis.dumps.layout import Layout
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
from analysis.dumps.name_pattern import DEFAULT_PATTERN, NamePattern, ParsedName, parse_names
from analysis.dumps.source import Upload

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_PATTERN",
    "FileVersion",
    "Inspection",
    "Layout",
    "Member",
    "NamePattern",
    "ParsedName",
    "ReadingLimits",
    "Upload",
    "Verdict",
    "inspect",
    "load",
    "parse_names",
]
