"""Perplexity: what the loss of a language model is read as."""

from __future__ import annotations

import math
import sys

LARGEST = math.log(sys.float_info.max)


def perplexity(loss: float) -> float:
    """exp(loss): among how many equally likely words a model is as undecided as it is at a word of the text.

    Args:
        loss: mean cross-entropy in nats a word.

    Returns:
        At least 1 where the loss is not negative; infinite where it is too large for a float, NaN of NaN.
    """
    return math.inf if loss > LARGEST else math.exp(loss)
