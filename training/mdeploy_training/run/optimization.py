# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Which parameters are trained, how fast, and with how much decay; and the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mdeploy.errors import UsageError
from mdeploy_training.run.recipe import Recipe

__all__ = ["head_of", "loss_of", "make_optimizer"]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD over the recipe's parameter groups. Each group's ``lr_scale`` multiplies the scheduled learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    scales = _lr_scales(model, recipe)
    for name, parameter in model.named_parameters():
        if recipe.freeze and not name.startswith(f"{head_of(model)[0]}."):
            parameter.requires_grad_(False)
            continue
        is_weight = parameter.ndim > 1
        decay = recipe.weight_decay if is_weight or recipe.decay_norm_and_bias else 0.0
        groups.setdefault((scales[name], decay), []).append(parameter)
    return torch.optim.SGD(
        [
            {"params": parameters, "lr_scale": scale, "weight_decay": decay}
            for (scale, decay), parameters in groups.items()
        ],
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True if next(model.parameters()).is_cuda else None,
    )


def _lr_scales(model: nn.Module, recipe: Recipe) -> dict[str, float]:
    """Learning rate of every parameter over the head's: its top-level module's distance from the end decides."""
    names = [name for name, _ in model.named_parameters()]
    modules = list(dict.fromkeys(name.split(".")[0] for name in names))
    return {name: recipe.layer_decay ** (len(modules) - 1 - modules.index(name.split(".")[0])) for name in names}


def head_of(model: nn.Module) -> tuple[str, nn.Linear]:
    """Return the classifier: the last linear layer and its name."""
    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UsageError(f"{type(model).__name__} has no linear layer that could be its classifier")
    return linear[-1]


def loss_of(log_probabilities: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of a model that ends in log-softmax, with label smoothing: mean over the batch."""
    loss = F.nll_loss(log_probabilities, labels)
    return loss if not smoothing else (1 - smoothing) * loss - smoothing * log_probabilities.mean()
