"""Normalisation by the statistics of what is normalised, and its gradients."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin

class Norm:
    """A drawn normalisation: its attributes, x, and how x falls into rows that share a statistic."""

    def __init__(self, d, kind):
        self.kind, self.epsilon = kind, d.choice([1e-5, 1e-3, 0.1])
        # PyTorch refuses statistics of one value. Where a variance is small, rounding decides what a gradient is.
        while self.draw_x(d) < 2 or self.factor() > 6:
            pass
        affine = d.choice([0, 1, 2, 2])
        self.scale = d.floats(self.params, 0.5, 2, torch.float32) if affine else None
        self.shift = d.floats(self.params, -1, 1, torch.float32) if affine == 2 and kind != "rms" else None

    def draw_x(self, d):
        """x and how it is normalised; how many values share a statistic."""
        kind = self.kind
        least = 2 if kind in ("batch", "group") else 1
        shape = d.shape(least, empty=False) if d.chance(0.85) else d.shape(least - 1, 3, limit=6, empty=False) + [d.choice([257, 512, 768])]
        axis = d.axis(len(shape))
        groups = d.choice([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]) if len(shape) > 1 else 1
        self.attrs = {"epsilon": self.epsilon}
        if kind == "batch":
            self.stats, self.params, count = [shape[1]], [shape[1]], shape[0] * torch.Size(shape[2:]).numel()
        elif kind == "group":
            self.attrs["num_groups"] = groups
            self.stats, self.params, count = [shape[0], groups], [shape[1]], shape[1] // groups * torch.Size(shape[2:]).numel()
        else:
            self.attrs["axis"] = axis
            cut = axis % len(shape)
            self.stats, self.params, count = shape[:cut], shape[cut:], torch.Size(shape[cut:]).numel()
        # Far from zero now and then: variances must not be differences of large squares.
        centre = d.choice([0.0, 0.0, 3.0, 30.0])
        self.shape, self.groups, self.count = shape, groups, count
        self.x = d.floats(shape, centre - 2, centre + 2)
        return count

    def rows(self, x):
        """x with a row for each statistic."""
        return x.transpose(0, 1).reshape(self.shape[1], -1) if self.kind == "batch" else x.reshape(torch.Size(self.stats).numel(), -1)

    def back(self, rows):
        """The inverse of `rows`."""
        if self.kind == "batch":
            return rows.reshape([self.shape[1], self.shape[0]] + self.shape[2:]).transpose(0, 1)
        return rows.reshape(self.shape)

    def wide(self, param):
        """Scale or shift, so that it broadcasts with x."""
        return param.reshape([1, -1] + [1] * (len(self.shape) - 2)) if self.kind in ("batch", "group") else param

    def statistics(self, x):
        rows = self.rows(x)
        if self.kind == "rms":
            return [rows.square().mean(1).reshape(self.stats)]
        return [rows.mean(1).reshape(self.stats), rows.var(1, unbiased=False).reshape(self.stats)]

    def forward(self, x, scale=None, shift=None):
        """PyTorch's."""
        if self.kind == "batch":
            return F.batch_norm(x, None, None, scale, shift, True, 0.0, self.epsilon)
        if self.kind == "layer":
            return F.layer_norm(x, self.params, scale, shift, self.epsilon)
        if self.kind == "rms":
            return F.rms_norm(x, self.params, scale, self.epsilon)
        return F.group_norm(x, self.groups, scale, shift, self.epsilon)

    def factor(self):
        """The largest 1/sqrt(variance + epsilon), by which gradients are multiplied."""
        return float((self.statistics(self.x.double())[-1] + self.epsilon).rsqrt().max())


def forward(name):
    @twin(name, weight=3)
    def draw(d):
        n = Norm(d, name.removesuffix("_norm"))
        inputs = [t for t in (n.x, n.scale, n.shift) if t is not None]
        types = [n.x.dtype, torch.float32, torch.float32]
        # The mean is rounded too, by itself.
        size = float(n.x.abs().max()) * n.factor()
        twin = lambda x, *rest: [n.forward(x, *rest)] + n.statistics(x)
        return Case(n.attrs, inputs, twin, terms=n.count, size=max(1, size if n.count < 8 else 0), grad_size=2 * max(1, n.factor()), stored=types)


def backward(name):
    kind = name.removesuffix("_norm_backward")

    @twin(name)
    def draw(d):
        n = Norm(d, kind)
        g = d.floats(n.shape, -1, 1)
        stats = [s.float() for s in n.statistics(n.x.double())]

        def gradient(g, x, *rest):
            # As a function of the statistics too, which PyTorch's own backward functions are not differentiable by.
            mean, variance = (0.0, rest[0]) if kind == "rms" else (rest[0].reshape(-1, 1), rest[1])
            scale = rest[len(stats)] if len(rest) > len(stats) else None
            r = (variance.reshape(-1, 1) + n.epsilon).rsqrt()
            z, v = (n.rows(x) - mean) * r, n.rows(g if scale is None else g * n.wide(scale))
            centred = v if kind == "rms" else v - v.mean(1, keepdim=True)
            dx = n.back(r * (centred - z * (v * z).mean(1, keepdim=True)))
            if kind != "batch" or scale is None:
                return dx
            return [dx, (n.rows(g) * z).sum(1), n.rows(g).sum(1)]

        # The formula is the gradient of PyTorch's normalisation.
        inputs = [t.double().requires_grad_() for t in (n.x, n.scale) if t is not None]
        theirs = torch.autograd.grad(n.forward(*inputs), inputs, g.double())
        ours = gradient(g.double(), n.x.double(), *[s.double() for s in n.statistics(n.x.double())], *[t.detach() for t in inputs[1:]])
        assert all(torch.allclose(a, b, rtol=1e-7, atol=1e-7 * n.factor()) for a, b in zip(theirs, ours if isinstance(ours, list) else [ours]))
        size = 2 * max(1, n.factor())
        operands = [g, n.x] + stats + [t for t in (n.scale,) if t is not None]
        types = [n.x.dtype, torch.float32, torch.float32]
        return Case(n.attrs, operands, gradient, terms=n.count, ulp=16, size=size, grad_size=size * max(1, n.factor()), stored=types, roundings=8, mixed=n.x.dtype == torch.float16)


forward("batch_norm")
forward("layer_norm")
forward("rms_norm")
forward("group_norm")
backward("batch_norm_backward")
backward("layer_norm_backward")
backward("rms_norm_backward")
backward("group_norm_backward")
