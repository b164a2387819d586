"""Numbers of words."""

import pytest
import torch
from hypothesis import given, strategies

from analysis.runs.spec import DataSpec
from analysis.training.corpus import corpus_of, load_corpus, vocabulary_of, words_of
from analysis.training.tokens import END, UNKNOWN, Parts

words = strategies.lists(strategies.sampled_from(["a", "b", "c", "dog", "N", END, UNKNOWN]))


def test_the_vocabulary_is_of_the_commonest_words_and_then_by_the_alphabet():
    parts = Parts(["b", "a", "c", "b", "e", END, "d", "d", UNKNOWN, UNKNOWN], ["b", "new", END], ["e", END])
    corpus = corpus_of("A text", parts, 5)
    assert corpus.vocabulary == (UNKNOWN, END, "b", "d", "a")
    assert corpus.training.tolist() == [2, 4, 0, 2, 0, 1, 3, 3, 0, 0]
    assert corpus.validation.tolist() == [2, 0, 1]
    assert corpus.test.tolist() == [0, 1]
    assert corpus.title == "A text: 10 words for training, 3 for validation, 2 for testing; 5 different ones"
    assert corpus_of("", parts, 0).vocabulary == corpus_of("", parts, 50).vocabulary == (UNKNOWN, END, *"bdace")
    assert corpus_of("", parts, 1).vocabulary == corpus_of("", parts, 2).vocabulary == (UNKNOWN, END)


@given(words, words, words, strategies.integers(0, 8))
def test_known_words_come_back_and_all_others_are_unknown(training, validation, test, most):
    parts = Parts(training, validation, test)
    corpus = corpus_of("", parts, most)
    assert len(corpus.vocabulary) == len(set(corpus.vocabulary)) <= max(most or 8, 2)
    for part, numbers in zip(parts, (corpus.training, corpus.validation, corpus.test), strict=True):
        assert numbers.dtype == torch.int64
        known = [word if word in corpus.vocabulary else UNKNOWN for word in part]
        assert [corpus.vocabulary[number] for number in numbers] == known


@given(words, strategies.integers(1, 8))
def test_a_larger_vocabulary_begins_with_the_smaller_one(training, most):
    parts = Parts(training, [], [])
    small, large = (corpus_of("", parts, size).vocabulary for size in (most, most + 1))
    assert large[: len(small)] == small


@pytest.mark.parametrize("most", [0, 4000])
def test_the_documentation_is_as_large_as_is_said_without_it(most):
    spec = DataSpec("documentation", words=most)
    corpus = load_corpus(spec)
    assert len(corpus.training) == words_of(spec)
    assert len(corpus.vocabulary) == vocabulary_of(spec)
    assert corpus.title.startswith("Documentation of SciPy 1.17.1: 458,762 words for training")


def test_a_vocabulary_has_two_words_at_least_and_no_more_than_the_text():
    sizes = [vocabulary_of(DataSpec("ptb", folder="/a", words=words)) for words in (0, 1, 300, 50_000)]
    assert sizes == [10_000, 2, 300, 10_000]
