"""Distributions that a person draws: a cloud of two units or a density of one, and batches of them.

A drawing is a density given at the nodes of a grid and linear between them. It is small enough to stand in an address.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.fields import one_of, require, shown
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Kind = Literal["cloud", "density"]
Shape = Literal["normal", "bimodal", "skewed", "ring", "spike"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXTENT = 4.0  # drawn is what lies between -EXTENT and EXTENT
LONGEST_ADDRESS = 2048  # characters
SHAPE_TITLES: dict[Shape, str] = {
    "normal": N_("Normal"),
    "bimodal": N_("Bimodal"),
    "skewed": N_("Skewed"),
    "ring": N_("Ring"),
    "spike": N_("Spike"),
}

_ROOM = 0.85
_MODE = 0.9  # distance of either mode from 0
_RING_WIDTH = 0.2
_RING_RADIUS = math.sqrt(2 - 3 * _RING_WIDTH**2)  # E r² = radius² + 3 width², as the area grows with r

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the nodes of a drawing are, and how high it can be there.

    Attributes:
        units: whose values are drawn.
        nodes: along each unit, in the middle of as many equal parts of [-EXTENT, EXTENT].
        highest: the level of a node is a whole number from 0 to this.
    """

    units: int
    nodes: int
    highest: int

    @property
    def size(self) -> int:
        """All nodes."""
        return self.nodes if self.units == 1 else self.nodes**2

    @property
    def spacing(self) -> float:
        """Between neighbouring nodes."""
        return 2 * EXTENT / self.nodes

    @property
    def per_byte(self) -> int:
        """How many levels share a byte in the address."""
        return 2 if self.highest < 16 else 1

    @property
    def positions(self) -> Float64Array:
        """Of the nodes along a unit, (nodes,)."""
        return self.spacing * np.arange(0.5, self.nodes, dtype=np.float64) - EXTENT


GRIDS: dict[Kind, Grid] = {"cloud": Grid(2, 48, 15), "density": Grid(1, 128, 255)}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A density as it was drawn: a level at every node of a grid, linear between nodes.

    One spacing beyond the outermost nodes it is 0. The area under it is made 1, so only the ratio of levels counts. Of
    a cloud it is linear along each unit (bilinear).

    Args:
        kind: "cloud" of two units or "density" of one.
        levels: one byte a node; of a cloud row by row, y ascending, within a row x ascending.

    Raises:
        InvalidInputError: If there are not as many levels as nodes, or one is too high.
    """

    kind: Kind
    levels: bytes

    def __post_init__(self) -> None:
        """Refuse what was not drawn on the grid."""
        require(self.kind in KINDS, Phrase(N_("kind of a drawing")), one_of(KINDS), self.kind)
        rule = Phrase(N_("{size} bytes from 0 to {highest}"), size=self.grid.size, highest=self.grid.highest)
        fits = isinstance(self.levels, bytes) and len(self.levels) == self.grid.size
        require(fits and max(self.levels) <= self.grid.highest, Phrase(N_("levels of a drawing")), rule, self.levels)

    @property
    def grid(self) -> Grid:
        """Its nodes."""
        return GRIDS[self.kind]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not any(self.levels)

    @property
    def shares(self) -> Float64Array:
        """What each node has of the whole, (nodes,) of a density or (nodes of y, nodes of x) of a cloud; sum 1."""
        levels: Float64Array = np.frombuffer(self.levels, np.uint8).astype(np.float64)
        return np.reshape(levels / levels.sum(), (self.grid.nodes,) * self.grid.units)

    @property
    def address(self) -> str:
        """The drawing in letters, digits, - and _: at most `LONGEST_ADDRESS`, of any drawing less than 1,600.

        Two levels of a cloud share a byte, so that 48 x 48 nodes are 1,152 bytes before they are compressed.
        """
        packed = zlib.compress(_packed(self), 9)
        return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")

    @classmethod
    def from_address(cls, kind: Kind, text: str) -> Self:
        """The drawing of this kind that `address` gave.

        Raises:
            InvalidInputError: If a text is none of these; nothing large is unpacked to find out.
        """
        grid = GRIDS[kind]
        unpacked = _unpacked(text, grid.size // grid.per_byte) if len(text) <= LONGEST_ADDRESS else b""
        if len(unpacked) * grid.per_byte != grid.size:
            raise InvalidInputError(
                N_(
                    "Expected a drawn {kind} as this dashboard puts it into an address, at most {longest_address}"
                    " characters; received {received:,} that are none: {beginning}. Copy the whole address, or draw"
                    " anew."
                ),
                kind=kind,
                longest_address=LONGEST_ADDRESS,
                received=len(text),
                beginning=shown(text[:20]),
            )
        return cls(kind, _levels(grid, unpacked))


@dataclass(frozen=True, slots=True)
class DrawnSpec:
    """A batch of a drawing.

    Args:
        drawing: the distribution of the first two units, or of the first.
        n: samples, >= 1.
        dim: units d, >= 2; those that are not drawn are independent N(0, 1).
        seed: >= 0. The same spec gives the same batch.

    Raises:
        InvalidInputError: If nothing is drawn, or a number is outside its range.
    """

    drawing: Drawing
    n: int = 4096
    dim: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        if self.drawing.is_empty:
            raise InvalidInputError(
                N_("A batch needs something drawn; received an empty canvas. Draw on it, or begin with a shape.")
            )
        require(self.n >= 1, "n", Phrase(N_("at least 1")), self.n)
        require(self.dim >= 2, "dim", Phrase(N_("at least 2")), self.dim)
        require(self.seed >= 0, "seed", Phrase(N_("at least 0")), self.seed)


def draw_batch(spec: DrawnSpec) -> ActivationBatch:
    """Samples of a drawing, (n, dim).

    A density that is linear between nodes is a mixture of one triangle about each node, and a bilinear one of products
    of two: a node is chosen by its share, and a triangular variable on (-spacing, spacing) added along each unit.
    """
    rng = np.random.default_rng(spec.seed)
    grid, shares = spec.drawing.grid, spec.drawing.shares
    values = rng.standard_normal((spec.n, spec.dim))
    chosen = np.unravel_index(rng.choice(grid.size, spec.n, p=shares.ravel()), shares.shape)
    beside = rng.triangular(-grid.spacing, 0, grid.spacing, (spec.n, grid.units))
    values[:, : grid.units] = grid.positions[np.stack(chosen[::-1], axis=1)] + beside  # x varies fastest in a cloud
    return ActivationBatch(values, f"Drawn {spec.drawing.kind}, n = {spec.n}, d = {spec.dim}", source="drawing")


def shapes(kind: Kind) -> tuple[Shape, ...]:
    """What can be drawn for a start; a ring has two units."""
    return tuple(shape for shape in SHAPE_TITLES if kind == "cloud" or shape != "ring")


def shaped(kind: Kind, shape: Shape) -> Drawing:
    """A drawing to begin with.

    Of all but the spike, which is collapse to 0, every unit has mean 0 and variance 1 before it is rounded to levels
    and cut off at the edge of the canvas. In a cloud the first unit has the shape and the second is N(0, 1); a ring has
    it in both, a spike as well.

    Raises:
        InvalidInputError: If there is no such shape of this kind.
    """
    require(shape in shapes(kind), Phrase(N_("shape of a drawn {kind}"), kind=kind), one_of(shapes(kind)), shape)
    grid = GRIDS[kind]
    x = grid.positions
    if kind == "density":
        return Drawing(kind, _rounded(_SHAPES[shape](x), grid))
    y = x[:, None]
    if shape == "ring":
        heights = np.exp(-0.5 * ((np.hypot(x, y) - _RING_RADIUS) / _RING_WIDTH) ** 2)
    else:
        heights = _SHAPES[shape](x) * _SHAPES["spike" if shape == "spike" else "normal"](y)
    return Drawing(kind, _dithered(heights, grid))


def empty(kind: Kind) -> Drawing:
    """A canvas on which nothing is drawn."""
    return Drawing(kind, bytes(GRIDS[kind].size))


def _normal(x: Float64Array, mean: float = 0.0, sd: float = 1.0) -> Float64Array:
    """The density of N(mean, sd²), up to a factor."""
    density: Float64Array = np.exp(-0.5 * ((x - mean) / sd) ** 2)
    return density


def _bimodal(x: Float64Array) -> Float64Array:
    """Two normals at -0.9 and 0.9, of variance 1 together."""
    sd = math.sqrt(1 - _MODE**2)
    return _normal(x, -_MODE, sd) + _normal(x, _MODE, sd)


def _skewed(x: Float64Array) -> Float64Array:
    """The absolute value of a normal variable, standardised: it has mean √(2/π) and variance 1 - 2/π."""
    absolute = math.sqrt(2 / math.pi) + math.sqrt(1 - 2 / math.pi) * x
    half: Float64Array = _normal(absolute) * (absolute > 0)
    return half


def _spike(x: Float64Array) -> Float64Array:
    """The two nodes beside 0."""
    beside: Float64Array = (np.abs(x) < x[1] - x[0]).astype(np.float64)
    return beside


_SHAPES: dict[Shape, Callable[[Float64Array], Float64Array]] = {
    "normal": _normal,
    "bimodal": _bimodal,
    "skewed": _skewed,
    "spike": _spike,
}


def _rounded(heights: Float64Array, grid: Grid) -> bytes:
    """The nearest levels; there is room for drawing above the highest of them."""
    levels: NDArray[np.uint8] = np.rint(heights * (_ROOM * grid.highest / heights.max())).astype(np.uint8)
    return levels.tobytes()


def _dithered(heights: Float64Array, grid: Grid) -> bytes:
    """Levels whose sum over any stretch of a row is that of the heights to within 1: few levels lose no tail."""
    sums = np.cumsum(heights * (grid.highest / heights.max()))
    levels: NDArray[np.uint8] = np.diff(np.floor(sums + 0.5), prepend=0).astype(np.uint8)
    return levels.tobytes()


def _packed(drawing: Drawing) -> bytes:
    """The levels in as few bytes as hold them."""
    levels = np.frombuffer(drawing.levels, np.uint8)
    return drawing.levels if drawing.grid.per_byte == 1 else (levels[::2] << 4 | levels[1::2]).tobytes()


def _levels(grid: Grid, packed: bytes) -> bytes:
    """One level a byte."""
    if grid.per_byte == 1:
        return packed
    pairs = np.frombuffer(packed, np.uint8)
    return np.stack([pairs >> 4, pairs & 15], axis=1).tobytes()


def _unpacked(text: str, size: int) -> bytes:
    """The bytes in a text, one more than the size at most; none if it holds no bytes that end where they should."""
    inflate = zlib.decompressobj()
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacked = inflate.decompress(packed, size + 1)
    except (ValueError, zlib.error):  # what is no base64 is a ValueError, as are letters beyond ASCII
        return b""
    return unpacked if inflate.eof and not inflate.unused_data else b""
