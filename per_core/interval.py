"""What ± stands for: half the width of a 95 % confidence interval."""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def margin_of_error(standard_error: float, count: int) -> float:
    """Half the width of the 95 % confidence interval of a mean of `count` independent values (Student 1908).

    Args:
        standard_error: of the mean, standard deviation / √count.
        count: number of values; below 2 they say nothing of each other.

    Returns:
        The standard error times the quantile of Student's t: 2.00 for 64 values, 1.97 for 256; NaN for count below 2.
    """
    from scipy.special import stdtrit  # a fifth of a second, for those who ask

    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * standard_error if count > 1 else math.nan
