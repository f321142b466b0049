"""What moves elements: views, windows, borders, rows by index; and constants."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin
from .elementwise import TYPES


@twin("full")
def full(d):
    dtype = d.choice([k for k in TYPES if k != "f16" or d.half])
    value = {"i32": -7.0, "u32": 7.0, "bool": 1.0}.get(dtype) or d.uniform(-3, 3)
    shape, stored = d.shape(), TYPES[dtype]
    value = torch.tensor(value).to(stored).item()
    return Case({"shape": shape, "dtype": dtype, "value": float(value)}, [], lambda: torch.full(shape, value, dtype=torch.double if stored.is_floating_point else torch.bool if dtype == "bool" else torch.long), exact=True, stored=stored)


@twin("iota")
def iota(d):
    shape = d.shape(least=1)
    axis = d.randrange(len(shape))
    dtype = d.choice(["f32", "i32", "u32"])
    view = [shape[axis] if a == axis else 1 for a in range(len(shape))]
    counted = lambda: torch.arange(shape[axis], dtype=torch.double if dtype == "f32" else torch.long).view(view).expand(shape)
    return Case({"shape": shape, "axis": axis, "dtype": dtype}, [], counted, exact=True, stored=TYPES[dtype])


@twin("reshape")
def reshape(d):
    shape = d.shape()
    target = list(shape)
    if shape and 0 not in shape:
        cut = d.randrange(len(shape))
        # Two axes in one, or an axis in two, or all in a row; one extent may be left to the op.
        how = d.choice(["join", "split", "flat"])
        if how == "join" and cut > 0:
            target[cut - 1 : cut + 1] = [shape[cut - 1] * shape[cut]]
        elif how == "split":
            factor = d.choice([f for f in range(1, shape[cut] + 1) if shape[cut] % f == 0])
            target[cut : cut + 1] = [factor, shape[cut] // factor]
        elif how == "flat":
            target = [torch.Size(shape).numel()]
        if d.chance(0.5):
            target[d.randrange(len(target))] = -1
    return Case({"shape": target}, [d.numbers(shape)], lambda x: x.reshape(target), exact=True)


@twin("permute")
def permute(d):
    shape = d.shape(most=5)
    perm = d.sample(range(len(shape)), len(shape))
    perm = None if d.chance(0.2) else perm
    return Case({"perm": perm}, [d.numbers(shape)], lambda x: x.permute(perm or list(reversed(range(x.ndim)))) if x.ndim else x, exact=True)


@twin("broadcast")
def broadcast(d):
    shape = d.shape()
    return Case({"shape": shape}, [d.numbers(d.broadcasting(shape))], lambda x: x.expand(shape), exact=True)


def window(d, shape):
    """Attributes of a slice, and for each axis the indices that Python's own slices choose."""
    rank = len(shape)
    axes = d.sample(range(rank), d.randint(1, rank)) if d.chance(0.6) else None
    named = axes if axes is not None else list(range(d.randint(1, rank)))
    starts, ends, steps, chosen = [], [], [], [list(range(n)) for n in shape]
    for axis in named:
        n = shape[axis]
        step = d.choice([1, 1, 2, 3, -1, -2])
        # Beyond both ends now and then: indices are clamped.
        # A start below the first element is where ONNX and Python's slices differ for negative steps: ONNX takes the first.
        start, end = d.randint(-n - (2 if step > 0 else 0), n + 2), d.randint(-n - 2, n + 2)
        starts.append(start), ends.append(end), steps.append(step)
        chosen[axis] = list(range(*slice(start, end, step).indices(n)))
    axes = [a - rank if d.chance(0.3) else a for a in axes] if axes is not None else None
    steps = None if all(s == 1 for s in steps) else steps
    return {"starts": starts, "ends": ends, "axes": axes, "steps": steps}, chosen


def take(x, chosen):
    for axis, indices in enumerate(chosen):
        x = x.index_select(axis, torch.tensor(indices, dtype=torch.long))
    return x


@twin("slice", weight=2)
def sliced(d):
    shape = d.shape(least=1, empty=False)
    attrs, chosen = window(d, shape)
    return Case(attrs, [d.numbers(shape)], lambda x: take(x, chosen), exact=True)


@twin("slice_backward")
def slice_backward(d):
    shape = d.shape(least=1, empty=False)
    attrs, chosen = window(d, shape)

    def gradient(g):
        x = torch.zeros(shape, dtype=torch.double, requires_grad=True)
        return torch.autograd.grad(take(x, chosen), x, g, create_graph=True)[0]

    return Case({"shape": shape, "slice": attrs}, [d.floats([len(c) for c in chosen])], gradient, exact=True)


MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def bordered(x, pads, mode):
    """PyTorch's pad along one axis after the other."""
    rank = x.ndim
    for axis in range(rank):
        begin, end = pads[axis], pads[rank + axis]
        if begin or end:
            lines = x.movedim(axis, -1)
            x = F.pad(lines.reshape(1, -1, lines.shape[-1]), [begin, end], mode=MODES[mode]).reshape(lines.shape[:-1] + (-1,)).movedim(-1, axis)
    return x


def borders(d, mode):
    """A shape and pads that its mode allows."""
    shape = d.shape(least=1, empty=False)
    most = {"reflect": lambda n: n - 1, "edge": lambda n: 5, "wrap": lambda n: n}[mode]
    return shape, [d.randint(0, min(most(n), 5)) for n in shape * 2]


@twin("pad", weight=3)
def pad(d):
    mode = d.choice(["constant", "constant", *MODES])
    if mode != "constant":
        shape, pads = borders(d, mode)
        return Case({"pads": pads, "mode": mode}, [d.floats(shape)], lambda x: bordered(x, pads, mode), exact=True, terms=9)
    shape = d.shape(least=1)
    # Negative ones crop, but not below nothing.
    begins, ends = [], []
    for n in shape:
        begin = d.randint(-min(n, 3), 4)
        begins.append(begin), ends.append(d.randint(-min(n + min(begin, 0), 3), 4))
    x = d.numbers(shape)
    value = float(d.choice([0, 0, 1, 7]))
    # PyTorch counts from the last axis.
    order = [p for axis in reversed(range(len(shape))) for p in (begins[axis], ends[axis])]
    return Case({"pads": begins + ends, "value": value}, [x], lambda x: F.pad(x, order, value=value), exact=True)


@twin("pad_backward")
def pad_backward(d):
    mode = d.choice(list(MODES))
    shape, pads = borders(d, mode)

    def gradient(g):
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(bordered(x, pads, mode), x, g, create_graph=True)[0]

    padded = [n + pads[a] + pads[len(shape) + a] for a, n in enumerate(shape)]
    return Case({"pads": pads, "mode": mode}, [d.floats(padded)], gradient, terms=9)


@twin("concat")
def concat(d):
    shape = d.shape(least=1)
    axis = d.axis(len(shape))
    kind = d.choice(["numbers", "bool"])
    dtype = d.choice([d.float, d.float, torch.int32])
    parts = []
    for _ in range(d.randint(1, 5)):
        part = list(shape)
        part[axis] = d.randint(0, 9)
        parts.append(d.bools(part) if kind == "bool" else d.floats(part) if dtype.is_floating_point else d.ints(part, -9, 9))
    return Case({"axis": axis}, parts, lambda *parts: torch.cat(parts, axis), exact=True)


def rows(d):
    """A table's shape, and indices into its rows from either end, some of them twice."""
    shape = d.shape(least=1, most=3, limit=600, empty=False)
    return shape, d.ints(d.shape(most=2, limit=80), -shape[0], shape[0])


@twin("gather")
def gather(d):
    shape, indices = rows(d)
    return Case({"axis": 0}, [d.numbers(shape), indices], lambda x, i: x[i], exact=True, grad_ulp=4)


@twin("scatter_add")
def scatter_add(d):
    shape, indices = rows(d)
    updates = d.floats(list(indices.shape) + shape[1:])

    def added(i, u):
        zeros = torch.zeros(shape, dtype=u.dtype)
        return zeros.index_add(0, i.flatten() % shape[0], u.reshape([i.numel()] + shape[1:]))

    return Case({"rows": shape[0]}, [indices, updates], added, terms=max(1, indices.numel() // shape[0]))


@twin("one_hot")
def one_hot(d):
    depth = d.randint(1, 12)
    dtype = d.choice(["f32", "i32", "bool"])
    cast = {"f32": torch.Tensor.double, "i32": torch.Tensor.long, "bool": torch.Tensor.bool}[dtype]
    # PyTorch knows no empty input and no index from the end.
    indices = d.ints(d.shape(most=3, limit=200, empty=False), 0, depth)
    return Case({"depth": depth, "dtype": dtype}, [indices], lambda i: cast(F.one_hot(i, depth)), exact=True, stored=TYPES[dtype])
