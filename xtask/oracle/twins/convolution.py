"""Convolutions, their transposes and their gradients."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin
from .pooling import bordered


# Kernels and, for transposes, strides are constants of the shaders: of a few of them most programs are shared, and a program takes longer
# to compile than a case to compute.
KERNELS = [(1, 1), (3, 3), (3, 3), (2, 3), (5, 1), (1, 4), (7, 5)]
STRIDES = [(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)]


def window(d):
    """Attributes and shapes of a convolution of images x by weights w to y: [N, C, H, W], [O, C/group, kh, kw], [N, O, H', W']."""
    kind = d.choice(["any", "any", "any", "pointwise", "depthwise", "wide", "first"])
    kernel = list(d.choice(KERNELS)) if kind != "pointwise" else [1, 1]
    strides, dilations = list(d.choice(STRIDES)), [d.choice([1, 1, 2, 3]) for _ in range(2)]
    pads = [d.randint(0, 3) for _ in range(4)]
    if d.chance(0.4):
        # As most networks have them: "same", one stride.
        strides, dilations = [1, 1] if d.chance(0.7) else [2, 2], [1, 1]
        pads = [k // 2 for k in kernel] * 2
    group, channels, outputs = d.choice([1, 1, 1, 2, 3, 4]), d.choice([1, 2, 3, 5]), d.choice([1, 2, 3, 4, 7])
    channels, outputs = channels * group, outputs * group
    if kind == "depthwise":
        channels = group = d.choice([1, 2, 3, 4, 8, 13])
        outputs = channels * d.choice([1, 1, 2])
    elif kind == "wide":
        group, channels, outputs = 1, d.choice([16, 32, 33, 64]), d.choice([8, 16, 31, 64])
    elif kind == "first":
        group, channels, outputs = 1, d.choice([1, 3]), d.choice([8, 16, 32, 33])
    reach = [(k - 1) * s + 1 for k, s in zip(kernel, dilations)]
    most = 12 if kind == "wide" else 20
    size = [max(d.randint(1, most), reach[a] - pads[a] - pads[a + 2]) for a in range(2)]
    batch = 0 if d.chance(0.01) else d.choice([1, 2, 3, 5])
    attrs = {"strides": strides, "pads": pads, "dilations": dilations, "group": group}
    shrunk = [(size[a] + pads[a] + pads[a + 2] - reach[a]) // strides[a] + 1 for a in range(2)]
    return attrs, [batch, channels] + size, [outputs, channels // group] + kernel, [batch, outputs] + shrunk


def convolve(x, w, at):
    """PyTorch pads opposite sides alike; others are put around the image before."""
    return F.conv2d(bordered(x, at["pads"], 0.0), w, None, at["strides"], 0, at["dilations"], at["group"])


@twin("conv2d", weight=8)
def conv2d(d):
    attrs, x, w, _ = window(d)
    return Case(attrs, [d.floats(x, -1, 1), d.floats(w, -1, 1)], lambda x, w: convolve(x, w, attrs), terms=w[1] * w[2] * w[3])


@twin("conv_transpose2d", weight=6)
def conv_transpose2d(d):
    while True:
        # The transpose of a convolution of y by weights of the same shape.
        attrs, _, w, x = window(d)
        top, left, bottom, right = attrs["pads"]
        extra = [d.randrange(s) for s in attrs["strides"]]
        whole = [(x[2 + a] - 1) * attrs["strides"][a] + (w[2 + a] - 1) * attrs["dilations"][a] + 1 + extra[a] for a in range(2)]
        if whole[0] > top + bottom and whole[1] > left + right:
            break

    def spread(x, w):
        y = F.conv_transpose2d(x, w, None, attrs["strides"], 0, extra, attrs["group"], attrs["dilations"])
        return y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right]

    terms = w[0] // attrs["group"] * w[2] * w[3]
    return Case(attrs | {"output_padding": extra}, [d.floats(x, -1, 1), d.floats(w, -1, 1)], spread, terms=terms)


@twin("conv2d_weight_grad", weight=3)
def conv2d_weight_grad(d):
    attrs, x, w, y = window(d)

    def gradient(x, g):
        weights = torch.zeros(w, dtype=x.dtype, requires_grad=True)
        # Of a linear map: the weights do not matter.
        return torch.autograd.grad(convolve(x, weights, attrs), weights, g, create_graph=True)[0]

    return Case(attrs | {"kernel_shape": w[2:]}, [d.floats(x, -1, 1), d.floats(y, -1, 1)], gradient, terms=max(1, y[0] * y[2] * y[3]))
