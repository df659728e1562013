"""Supernets: one set of weights for all networks of a space, trained once. Needs torch.

`plans`: which part of the largest network a subnet is. `bypass_space`: networks of any number of
filters per layer. `modules`: the weights and their forward passes, of one subnet or of one per
image. `cutting`: a subnet as a network of its own. `running`, with `drawing`, `memory` and
`epochs`: `flash.train_supernet`. `scoring`: `flash.Supernet`, accuracies of subnets.
"""

from __future__ import annotations

__all__: list[str] = []
