"""A text as a language model takes it: numbers of words, out of a vocabulary of the commonest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from analysis.runs.spec import DataName, DataSpec
from analysis.training import text_files
from analysis.training.documentation import read_documentation
from analysis.training.download import Announce
from analysis.training.text_files import PENN_TREEBANK, WIKITEXT2
from analysis.training.tokens import END, UNKNOWN, Parts

# of the documentation of the SciPy that requirements.txt pins
TRAINING_WORDS: dict[DataName, int] = {"documentation": 458_762, "ptb": 929_589, "wikitext2": 2_088_628}
DIFFERENT_WORDS: dict[DataName, int] = {"documentation": 12_348, "ptb": 10_000, "wikitext2": 33_278}


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """A text in three parts.

    Attributes:
        title: what a person reads.
        training, validation, test: (words,), int64, number of each word in the vocabulary.
        vocabulary: "<unk>", which stands for all words that are not in it, "<eos>", then the commonest words of the
            training part, those that are equally common by the alphabet.
    """

    title: str
    training: Tensor
    validation: Tensor
    test: Tensor
    vocabulary: tuple[str, ...]


def load_corpus(spec: DataSpec, progress: Announce | None = None) -> Corpus:
    """The text of a spec, the same on every machine.

    Args:
        spec: which, and how large a vocabulary.
        progress: called with a line of text while files are fetched.

    Raises:
        InvalidInputError: If files are missing and may not be fetched, or are not what they should be.
    """
    if spec.name == "documentation":
        return corpus_of(f"Documentation of SciPy {version('scipy')}", read_documentation(), spec.words)
    files = {"ptb": PENN_TREEBANK, "wikitext2": WIKITEXT2}[spec.name]
    folder = text_files.fetch(files, spec.folder, download=spec.download, progress=progress)
    return corpus_of(files.title, text_files.read(files, folder), spec.words)


def corpus_of(title: str, parts: Parts, words: int) -> Corpus:
    """Number the words of a text.

    Args:
        title: what a person reads first.
        parts: the words.
        words: of the vocabulary at most, "<unk>" and "<eos>" among them; all of the training part if 0, so that none
            there becomes "<unk>".
    """
    vocabulary = _vocabulary(parts.training, words)
    numbers = {word: number for number, word in enumerate(vocabulary)}
    unknown = numbers[UNKNOWN]
    training, validation, test = (
        torch.from_numpy(np.fromiter((numbers.get(word, unknown) for word in part), np.int64, len(part)))
        for part in parts
    )
    return Corpus(
        f"{title}: {len(training):,} words for training, {len(validation):,} for validation, {len(test):,} for testing;"
        f" {len(vocabulary):,} different ones",
        training,
        validation,
        test,
        vocabulary,
    )


def words_of(spec: DataSpec) -> int:
    """Training words of a spec's text, without the text."""
    return TRAINING_WORDS[spec.name]


def vocabulary_of(spec: DataSpec) -> int:
    """Words of the vocabulary that a spec makes of its text, without the text."""
    different = DIFFERENT_WORDS[spec.name]
    return min(max(spec.words, 2), different) if spec.words else different


def _vocabulary(words: Sequence[str], most: int) -> tuple[str, ...]:
    counts = Counter(words)
    others = sorted(counts.keys() - {UNKNOWN, END}, key=lambda word: (-counts[word], word))
    return (UNKNOWN, END, *(others[: max(most - 2, 0)] if most else others))
