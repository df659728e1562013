"""Supernets: one set of weights for all networks of a space, trained once. Needs torch.

    plans.py         which part of the largest network a subnet is
    bypass_space.py  networks of any filters per layer, removed ones passing their channel on
    modules.py       the weights, and their forward passes: one subnet, or one per image
    cutting.py       a subnet as a network of its own, with the supernet's weights
    running.py       `flash.train_supernet`
    scoring.py       `flash.Supernet`: accuracies of subnets
"""

from __future__ import annotations

__all__: list[str] = []
