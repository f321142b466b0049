"""Sums, means, extremes, where they are, and products of matrices."""

import torch

from draw import Case
from . import twin

LONG = [1, 2, 7, 64, 100, 257, 1000, 1024, 4097]


def reduced(d, empty=False):
    """A shape with a long axis now and then, the axes that are reduced, and how many elements go into a result."""
    shape = d.shape(empty=empty)
    if shape and 0 not in shape and d.chance(0.3):
        shape = [d.choice([1, 2, 3]) for _ in shape]
        shape[d.randrange(len(shape))] = d.choice(LONG)
    rank = len(shape)
    axes = sorted(d.sample(range(rank), d.randint(0, rank))) if d.chance(0.7) else None
    # No axis named is every axis, for ONNX and PyTorch alike.
    named = axes or list(range(rank))
    count = 1
    for a in named:
        count *= shape[a]
    axes = axes and [a - rank if d.chance(0.3) else a for a in axes]
    return shape, axes, named, max(count, 1)


def reduction(name, function, choice=False, floats=False, empty=False):
    @twin(name)
    def draw(d):
        shape, axes, named, count = reduced(d, empty)
        keep = d.choice([True, False])
        apply = lambda x: function(x, named, keep) if x.ndim else x
        if choice:
            x = d.distinct(shape) if d.chance(0.7) else d.floats(shape, kinks=[2.0])
            x = d.ints(shape, -9, 9) if d.chance(0.2) else x
            return Case({"axes": axes, "keepdims": keep}, [x], apply, exact=True)
        x = d.floats(shape, *d.choice([(-1, 1), (0, 2)])) if floats else d.numbers(shape)
        size = 1 if name == "reduce_mean" else count**0.5
        return Case({"axes": axes, "keepdims": keep}, [x], apply, terms=count, size=size, ulp=2 * count**0.5)


reduction("reduce_sum", torch.sum, empty=True)
reduction("reduce_mean", torch.mean, floats=True)
reduction("reduce_max", torch.amax, choice=True)
reduction("reduce_min", torch.amin, choice=True)


def position(name, function):
    @twin(name)
    def draw(d):
        shape, _, _, _ = reduced(d)
        axis = d.axis(len(shape)) if shape and d.chance(0.8) else None
        keep = d.choice([True, False])
        # Of equal ones the first counts, there as here.
        x = d.choice([d.distinct, lambda s: d.ints(s, -4, 4), lambda s: d.ints(s, 0, 4, torch.uint32), lambda s: d.floats(s, kinks=[-2.0, 2.0])])(shape)

        def find(x):
            if axis is not None:
                return function(x, axis, keep)
            return function(x.flatten(), 0).reshape([1] * x.ndim if keep else [])

        return Case({"axis": axis, "keepdims": keep}, [x], find)


position("argmax", torch.argmax)
position("argmin", torch.argmin)


@twin("top_k", weight=3)
def top_k(d):
    shape = d.shape(least=1, empty=False) if d.chance(0.8) else [d.choice([1, 2, 5]), d.choice(LONG)]
    axis, largest = d.axis(len(shape)), d.chance(0.6)
    k = d.randint(1, min(shape[axis], d.choice([1, 5, 40, 100])))
    # PyTorch does not say which of equal elements comes first.
    x = d.distinct(shape)
    x = (x.double() * 64).round().int() if d.chance(0.2) else x
    return Case({"k": k, "axis": axis, "largest": largest}, [x], lambda x: torch.topk(x, k, axis, largest, True), exact=True, through=[0] if x.is_floating_point() else [])


@twin("matmul", weight=4)
def matmul(d):
    m, k, n = (d.choice([1, 2, 3, 5, 8, 13, 16, 31, 33, 64, 65]) for _ in range(3))
    if d.chance(0.2):
        k = d.choice([100, 257, 512, 1000])
    if d.chance(0.03):
        m, k, n = d.choice([(0, k, n), (m, 0, n), (m, k, 0)])
    batch = d.shape(most=2, limit=6)
    a, b = [batch, d.broadcasting(batch)][:: d.choice([1, -1])]
    x, y = d.floats(a + [m, k], -1, 1), d.floats(b + [k, n], -1, 1)
    # The gradient of a shared operand is a sum over the batch of products that f16 has stored.
    return Case({}, [x, y], torch.matmul, terms=max(k, 1), roundings=16 if a != b else 2)
