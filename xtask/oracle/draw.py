"""Random attributes, shapes and values, and the case that they make."""

import random
from dataclasses import dataclass, field
from typing import Callable, Sequence

import torch

# Size one, primes, a vector of four and its neighbours, a subgroup or workgroup and one beside it.
EXTENTS = [1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 31, 32, 33, 64, 65]


@dataclass
class Case:
    """An op with operands, and what PyTorch makes of them."""

    # wgrad's attributes.
    attrs: dict
    # The operands as they are stored: float32, float16, int32, uint32 or bool.
    inputs: Sequence[torch.Tensor]
    # The same with PyTorch, on float64 for floats and int64 for integers: a tensor, or one for each output (None: not compared).
    twin: Callable
    # How exact the results must be, as `judge.py` reads it.
    ulp: float = 4
    grad_ulp: float = 16
    # Terms of the longest sum behind an element of the output.
    terms: int = 1
    # The size of the quantities that an element is made from, where they may cancel.
    size: float = 1.0
    grad_size: float = 1.0
    # Whether the results are equal to the last bit: copies, choices.
    exact: bool = False
    # The float outputs that a gradient comes in through, and the operands whose gradients are compared.
    through: Sequence[int] | None = None
    wrt: Sequence[int] | None = None
    # The type of the float outputs where it is not that of the first float operand: one, or one for each output.
    stored: torch.dtype | list | None = None
    # Roundings to f16 on the way of a gradient of an f16 op.
    roundings: int = 4
    # Whether such gradients go into those of operands of f32 too.
    mixed: bool = False
    # Cotangents, drawn when the outputs are known.
    grads: dict = field(default_factory=dict)


class Draw(random.Random):
    """A case's source of random numbers: a function of seed, op and number alone, so that any case can be drawn again by itself."""

    def __init__(self, seed, op, number, f16=True):
        super().__init__(f"{seed} {op} {number}")
        self.torch = torch.Generator().manual_seed(self.getrandbits(62))
        # Whether there is f16 at all, and the type of the floats of this case.
        self.half = f16
        self.float = torch.float16 if self.random() < 0.2 and f16 else torch.float32

    def chance(self, p):
        return self.random() < p

    def shape(self, least=0, most=4, limit=2000, empty=True):
        """Extents for `least` to `most` axes with at most `limit` elements; now and then an axis of none."""
        rank = self.choice([r for r in range(least, most + 1) for _ in range(1 if r == 0 else 4)])
        shape = []
        for _ in range(rank):
            shape.append(self.choice([e for e in EXTENTS if e <= limit] or [1]))
            limit //= shape[-1]
        self.shuffle(shape)
        if empty and rank and self.chance(0.02):
            shape[self.randrange(rank)] = 0
        return shape

    def uniform_of(self, shape, low, high):
        return torch.rand(shape, generator=self.torch, dtype=torch.float64) * (high - low) + low

    def floats(self, shape, low=-2.0, high=2.0, dtype=None, kinks=()):
        """Uniform in [low, high), some elements being one of `kinks`."""
        x = self.uniform_of(shape, low, high)
        if kinks and self.chance(0.5):
            chosen = torch.tensor(kinks, dtype=torch.float64)[torch.randint(len(kinks), x.shape, generator=self.torch)]
            x = torch.where(self.uniform_of(shape, 0, 1) < 0.2, chosen, x)
        return x.to(dtype or self.float)

    def away(self, shape, low, high):
        """Uniform in magnitude, with random signs."""
        sign = torch.randint(2, tuple(shape), generator=self.torch).double() * 2 - 1
        return (self.uniform_of(shape, low, high) * sign).to(self.float)

    def distinct(self, shape):
        """All different and exact in f16 up to 4,096 of them: no ties for max and sort."""
        n = torch.Size(shape).numel()
        return ((torch.randperm(n, generator=self.torch).double() - n // 2) / 64).reshape(shape).to(self.float if n <= 4096 else torch.float32)

    def ints(self, shape, low, high, dtype=torch.int32):
        """Whole numbers in [low, high)."""
        return torch.randint(low, max(high, low + 1), tuple(shape), generator=self.torch).to(dtype)

    def bools(self, shape):
        return torch.randint(2, tuple(shape), generator=self.torch).bool()

    def numbers(self, shape, low=-50, high=50):
        """Floats or integers."""
        kind = self.choice(["float", "float", "int32", "uint32"])
        if kind == "float":
            return self.floats(shape)
        return self.ints(shape, low, high) if kind == "int32" else self.ints(shape, 0, high, torch.uint32)

    def axis(self, rank):
        """An axis, counted from either end."""
        return self.randrange(-rank, rank)

    def broadcasting(self, shape):
        """A shape that stretches to `shape`: leading axes left out, some extents 1."""
        cut = self.randint(0, len(shape)) if self.chance(0.4) else 0
        return [1 if self.chance(0.25) else n for n in shape[cut:]]
