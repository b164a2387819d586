"""Numbers that a page and the server's warm-up must agree on."""

OPENING_SLICES = 256
WORST_DRAWS = 19
