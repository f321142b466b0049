"""Element-wise functions, of one operand and of two, and choices between operands."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin


def unary(name, function, low, high, kinks=(), ulp=4, grad_ulp=64, ints=False, away=False, exact=False):
    """An element-wise function of floats in [low, high); `away`: that far from zero on both sides. At `kinks` PyTorch's gradient counts."""

    @twin(name)
    def draw(d):
        shape = d.shape()
        if ints and d.chance(0.2):
            return Case({}, [d.ints(shape, -50, 50)], function)
        x = d.away(shape, low, high) if away else d.floats(shape, low, high, kinks=kinks)
        return Case({}, [x], function, ulp=ulp, grad_ulp=grad_ulp, exact=exact)


unary("neg", torch.neg, -100, 100, [0.0], exact=True, ints=True)
unary("abs", torch.abs, -100, 100, [0.0], exact=True, ints=True)
unary("sign", torch.sign, -3, 3, [0.0], exact=True)
unary("floor", torch.floor, -5, 5, [-1.0, 0.0, 2.0], exact=True)
unary("relu", torch.relu, -3, 3, [0.0], exact=True)
# WGSL grants exp 3 + 2|x| units.
unary("exp", torch.exp, -9, 9, [0.0], ulp=21)
unary("log", torch.log, 1e-3, 9, [1.0], ulp=8)
unary("sqrt", torch.sqrt, 1e-3, 100, [1.0, 4.0])
unary("rsqrt", torch.rsqrt, 1e-3, 100, [1.0, 4.0])
unary("sin", torch.sin, -30, 30, [0.0], ulp=16)
unary("cos", torch.cos, -30, 30, [0.0], ulp=16)
unary("tanh", torch.tanh, -12, 12, [0.0], ulp=12)
unary("sigmoid", torch.sigmoid, -30, 30, [0.0], ulp=12)
unary("silu", F.silu, -30, 30, [0.0], ulp=12)
unary("mish", F.mish, -30, 30, [0.0], ulp=12)
unary("hardswish", F.hardswish, -6, 6, [-3.0, 0.0, 3.0])
unary("erf", torch.erf, -5, 5, [0.0], ulp=8)
unary("reciprocal", torch.reciprocal, 0.01, 50, away=True)
unary("square", torch.square, -50, 50, [0.0], ints=True)


@twin("not")
def logical_not(d):
    return Case({}, [d.bools(d.shape())], torch.logical_not)


@twin("gelu")
def gelu(d):
    approximate = d.choice(["none", "tanh"])
    return Case({"approximate": approximate}, [d.floats(d.shape(), -8, 8, kinks=[0.0])], lambda x: F.gelu(x, approximate=approximate), ulp=12, grad_ulp=64)


@twin("leaky_relu")
def leaky_relu(d):
    alpha = d.choice([0.01, 0.2, 0.0, -0.5, 1.5])
    return Case({"alpha": alpha}, [d.floats(d.shape(), -3, 3, kinks=[0.0])], lambda x: F.leaky_relu(x, alpha))


@twin("elu")
def elu(d):
    alpha = d.choice([1.0, 0.5, 1.7])
    return Case({"alpha": alpha}, [d.floats(d.shape(), -9, 3, kinks=[0.0])], lambda x: F.elu(x, alpha), ulp=16)


@twin("clamp")
def clamp(d):
    # Bounds that f16 holds too, so that elements can lie on them.
    low = d.choice([-1.0, 0.0, -0.5, 0.25])
    high = low + d.choice([0.0, 0.5, 1.0, 6.0])
    return Case({"min": low, "max": high}, [d.floats(d.shape(), -3, 8, kinks=[low, high])], lambda x: torch.clamp(x, low, high), exact=True)


def pair(d, draw):
    """Two operands that broadcast to one shape."""
    shape = d.shape()
    shapes = [shape, d.broadcasting(shape)]
    d.shuffle(shapes)
    return [draw(s) for s in shapes]


def arithmetic(name, function, size=4.0, ulp=1):
    @twin(name)
    def draw(d):
        if d.chance(0.3):
            # Large enough to wrap now and then.
            high = d.choice([50, 100_000])
            dtype = d.choice([torch.int32, torch.uint32])
            return Case({}, pair(d, lambda s: d.ints(s, -high if dtype == torch.int32 else 0, high, dtype)), function)
        return Case({}, pair(d, lambda s: d.floats(s)), function, ulp=ulp, size=size, grad_size=size)


arithmetic("add", torch.add)
arithmetic("sub", torch.sub)
arithmetic("mul", torch.mul)


@twin("div")
def div(d):
    if d.chance(0.2):
        # Whole numbers truncate.
        a, b = pair(d, lambda s: d.ints(s, 1, 50, torch.int32) * (1 - 2 * d.ints(s, 0, 2)))
        return Case({}, [a, b], lambda a, b: torch.div(a, b, rounding_mode="trunc"))
    return Case({}, pair(d, lambda s: d.away(s, 0.1, 4)), torch.div)


@twin("pow")
def power(d):
    # b·log2 a times the 24 units that verify grants.
    if d.chance(0.7):
        a, b = pair(d, lambda s: d.floats(s, 0.1, 3))
        return Case({}, [a, b], torch.pow, ulp=24, grad_ulp=64, grad_size=4)
    # A negative base has a gradient with respect to itself alone.
    shape = d.shape()
    a, b = d.away(shape, 0.1, 3), d.ints(shape, -3, 4).to(d.float)
    return Case({}, [a, b], torch.pow, ulp=24, grad_ulp=64, wrt=[0])


def choice(name, function):
    """max and min: ties share the gradient."""

    @twin(name)
    def draw(d):
        if d.chance(0.3):
            dtype = d.choice([torch.int32, torch.uint32])
            return Case({}, pair(d, lambda s: d.ints(s, -9 if dtype == torch.int32 else 0, 9, dtype)), function)
        return Case({}, pair(d, lambda s: d.floats(s, kinks=[0.0, 1.0])), function, exact=True)


choice("max", torch.maximum)
choice("min", torch.minimum)


def comparison(name, function, bools=False):
    @twin(name)
    def draw(d):
        kind = d.choice(["float", "int32", "uint32"] + ["bool"] * bools)
        fill = {
            "float": lambda s: d.floats(s, kinks=[0.0, 1.0]),
            "int32": lambda s: d.ints(s, -4, 4),
            "uint32": lambda s: d.ints(s, 0, 4, torch.uint32),
            "bool": d.bools,
        }[kind]
        return Case({}, pair(d, fill), function)


comparison("equal", torch.eq, bools=True)
comparison("less", torch.lt)
comparison("less_or_equal", torch.le)
comparison("greater", torch.gt)
comparison("greater_or_equal", torch.ge)


def logic(name, function):
    @twin(name)
    def draw(d):
        return Case({}, pair(d, d.bools), function)


logic("and", torch.logical_and)
logic("or", torch.logical_or)
logic("xor", torch.logical_xor)


@twin("where")
def where(d):
    shape = d.shape()
    shapes = [shape, d.broadcasting(shape), d.broadcasting(shape)]
    d.shuffle(shapes)
    condition = d.bools(shapes[0])
    kind = d.choice(["float", "float", "int32", "bool"])
    fill = {"float": d.floats, "int32": lambda s: d.ints(s, -9, 9), "bool": d.bools}[kind]
    return Case({}, [condition, fill(shapes[1]), fill(shapes[2])], torch.where, exact=True)


TYPES = {"f32": torch.float32, "f16": torch.float16, "i32": torch.int32, "u32": torch.uint32, "bool": torch.bool}


@twin("cast", weight=2)
def cast(d):
    kinds = [k for k in TYPES if k != "f16" or d.half]
    source, target = d.choice(kinds), d.choice(kinds)
    shape = d.shape()
    low = 0 if "u32" in (source, target) else -100
    if source == "bool":
        x = d.bools(shape)
    elif source in ("i32", "u32"):
        x = d.ints(shape, low, 100, TYPES[source])
    else:
        x = d.floats(shape, low, 100, TYPES[source], kinks=[0.0, 0.5, 7.0])
    if target == "bool":
        twin = lambda x: x != 0
    elif target in ("i32", "u32"):
        twin = lambda x: torch.trunc(x).long() if x.is_floating_point() else x.long()
    else:
        twin = lambda x: x.double()
    through = [0] if source in ("f32", "f16") and target in ("f32", "f16") else []
    return Case({"to": target}, [x], twin, exact=target != "f16", stored=TYPES[target], through=through)
