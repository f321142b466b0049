"""The twins: for each op of wgrad's catalogue a function that draws a case of it and says how PyTorch does the same."""

TWINS = {}


def twin(name, weight=1):
    """Registers the function that draws a case of op `name`; ops with many attributes get `weight` times the cases."""

    def register(function):
        assert name not in TWINS, name
        TWINS[name] = (function, weight)
        return function

    return register


# The ops that PyTorch cannot judge. A test holds that every op of the catalogue is here or has a twin.
WITHOUT = {
    "random_uniform": "draws from Threefry of a key; PyTorch's generator gives other numbers",
    "random_normal": "draws from Threefry of a key; PyTorch's generator gives other numbers",
    "dropout": "its mask comes from Threefry of a key; PyTorch's generator gives another one",
    "dropout_mask": "comes from Threefry of a key; PyTorch's generator gives another one",
    "lion": "PyTorch has no such optimiser",
}

from . import convolution, elementwise, losses, norms, optimizers, pooling, reductions, shapes  # noqa: E402, F401
