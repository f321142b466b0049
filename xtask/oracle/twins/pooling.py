"""Pooling and resampling of images [N, C, H, W]."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin


def images(d, size, dtype=None, kinks=()):
    """A few images of `size`; equal values now and then, for ties."""
    batch = [d.choice([1, 2, 3]), d.choice([1, 2, 3, 5])]
    if d.chance(0.02):
        batch[0] = 0
    return d.floats(batch + list(size), -2, 2, dtype, kinks)


def windows(d, dilated):
    """Size of the images, then kernel, strides, pads, dilations and ceil_mode of windows that fit and all see something."""
    while True:
        size = [d.choice([1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31]) for _ in range(2)]
        kernel = [d.choice([1, 2, 2, 3, 3, 4, 5, 7]) for _ in range(2)]
        strides = list(kernel) if d.chance(0.3) else [d.choice([1, 2, 3, 4]) for _ in range(2)]
        dilations = [d.choice([1, 1, 2, 3]) if dilated else 1 for _ in range(2)]
        # PyTorch pads both sides alike. Other pads are put around the image before; what a last, incomplete window is then differs.
        begins = [d.randint(0, k // 2) for k in kernel]
        even = d.chance(0.6)
        ends = list(begins) if even else [d.randint(0, k // 2) for k in kernel]
        ceil = even and d.chance(0.4)
        whole = [n + b + e for n, b, e in zip(size, begins, ends)]
        reach = [(k - 1) * step + 1 for k, step in zip(kernel, dilations)]
        if any(w < r for w, r in zip(whole, reach)):
            continue
        # A window that starts in the padding may step over the whole image.
        blind = lambda a: any(all(not 0 <= o * strides[a] - begins[a] + t * dilations[a] < size[a] for t in range(kernel[a])) for o in range(begins[a] + 1) if o * strides[a] < begins[a])
        if blind(0) or blind(1):
            continue
        return size, {"kernel_shape": kernel, "strides": strides, "pads": begins + ends, "dilations": dilations, "ceil_mode": ceil}


def bordered(x, pads, value):
    top, left, bottom, right = pads
    return F.pad(x, [left, right, top, bottom], value=value)


def max_pool(x, at):
    """PyTorch's maxima and their places, for any pads."""
    top, left, bottom, right = at["pads"]
    even = [top, left] == [bottom, right]
    padded = x if even else bordered(x, at["pads"], float("-inf"))
    y, places = F.max_pool2d(padded, at["kernel_shape"], at["strides"], [top, left] if even else 0, at["dilations"], at["ceil_mode"], return_indices=True)
    if not even:
        width = padded.shape[3]
        places = (places // width - top) * x.shape[3] + places % width - left
    return y, places


@twin("max_pool2d", weight=4)
def max_pool2d(d):
    size, attrs = windows(d, dilated=True)
    x = images(d, size, kinks=[0.0, 1.0, 2.0])
    return Case(attrs, [x], lambda x: max_pool(x, attrs), exact=True, through=[0], terms=1)


@twin("max_pool2d_backward", weight=2)
def max_pool2d_backward(d):
    size, attrs = windows(d, dilated=True)
    x = images(d, size, torch.float32, kinks=[0.0, 1.0]).double()
    y, places = max_pool(x, attrs)

    def backward(g, places):
        # The gradient of the maxima of a certain image.
        image = x.clone().requires_grad_()
        return torch.autograd.grad(max_pool(image, attrs)[0], image, g, create_graph=True)[0]

    terms = attrs["kernel_shape"][0] * attrs["kernel_shape"][1]
    return Case({"input_size": size, "pool": attrs}, [d.floats(y.shape), places.int()], backward, terms=terms)


def averaging(d):
    """As `windows`, for averages."""
    size, attrs = windows(d, dilated=False)
    del attrs["dilations"]
    attrs["count_include_pad"] = d.chance(0.5)
    return size, attrs


def average(x, at):
    """PyTorch's averages for any pads."""
    top, left, bottom, right = at["pads"]
    if [top, left] == [bottom, right]:
        return F.avg_pool2d(x, at["kernel_shape"], at["strides"], [top, left], at["ceil_mode"], at["count_include_pad"])
    pool = lambda t: F.avg_pool2d(bordered(t, at["pads"], 0.0), at["kernel_shape"], at["strides"])
    return pool(x) if at["count_include_pad"] else pool(x) / pool(torch.ones_like(x))


@twin("avg_pool2d", weight=4)
def avg_pool2d(d):
    size, attrs = averaging(d)
    terms = attrs["kernel_shape"][0] * attrs["kernel_shape"][1]
    return Case(attrs, [images(d, size)], lambda x: average(x, attrs), terms=terms)


@twin("avg_pool2d_backward")
def avg_pool2d_backward(d):
    size, attrs = averaging(d)
    x = images(d, size)
    shape = average(x.double(), attrs).shape

    def backward(g):
        image = x.double().requires_grad_()
        return torch.autograd.grad(average(image, attrs), image, g, create_graph=True)[0]

    terms = attrs["kernel_shape"][0] * attrs["kernel_shape"][1]
    return Case({"input_size": size, "pool": attrs}, [d.floats(shape)], backward, terms=terms)


def adaptive(d):
    """Extents of images and windows: fewer, as many, or more."""
    size = [d.choice([1, 2, 3, 5, 7, 8, 12, 13, 17]) for _ in range(2)]
    return size, [d.choice([1, 2, 3, 4, 6, 7, 9, n]) for n in size]


@twin("adaptive_avg_pool2d", weight=2)
def adaptive_avg_pool2d(d):
    size, output = adaptive(d)
    return Case({"output_size": output}, [images(d, size)], lambda x: F.adaptive_avg_pool2d(x, output), terms=max(1, size[0] * size[1] // (output[0] * output[1])))


@twin("adaptive_avg_pool2d_backward")
def adaptive_avg_pool2d_backward(d):
    size, output = adaptive(d)
    g = images(d, output)

    def backward(g):
        image = torch.zeros(list(g.shape[:2]) + size, dtype=torch.double, requires_grad=True)
        return torch.autograd.grad(F.adaptive_avg_pool2d(image, output), image, g, create_graph=True)[0]

    return Case({"input_size": size}, [g], backward, terms=max(1, output[0] * output[1] // (size[0] * size[1])))


def resized(d):
    """A size, attributes, and the call of PyTorch."""
    size, mode = [d.choice([1, 2, 3, 5, 7, 8, 13, 17]) for _ in range(2)], d.choice(["nearest", "bilinear"])
    corners = mode == "bilinear" and d.chance(0.4)
    attrs, rest = {"mode": mode, "align_corners": corners}, {"mode": mode, "align_corners": corners if mode == "bilinear" else None}
    if d.chance(0.5):
        attrs["sizes"] = [d.choice([1, 2, 3, 4, 6, 9, 14, 16, 25]) for _ in range(2)]
        return size, attrs, lambda x: F.interpolate(x, size=attrs["sizes"], **rest)
    attrs["scales"] = [d.choice([s for s in (0.3, 0.5, 1.0, 1.5, 1.7, 2.0, 3.0) if s * n >= 1]) for n in size]
    return size, attrs, lambda x: F.interpolate(x, scale_factor=attrs["scales"], **rest)


@twin("interpolate", weight=4)
def interpolate(d):
    size, attrs, resize = resized(d)
    # Positions are f32: a weight is wrong by the size of its position.
    return Case(attrs, [images(d, size)], resize, ulp=64, grad_ulp=128, terms=4)


@twin("interpolate_backward")
def interpolate_backward(d):
    size, attrs, resize = resized(d)
    shape = resize(torch.zeros([1, 1] + size)).shape[2:]
    g = images(d, shape)

    def backward(g):
        image = torch.zeros(list(g.shape[:2]) + size, dtype=torch.double, requires_grad=True)
        return torch.autograd.grad(resize(image), image, g, create_graph=True)[0]

    return Case({"input_size": size, "interpolate": attrs}, [g], backward, ulp=64, grad_ulp=128, terms=9)
