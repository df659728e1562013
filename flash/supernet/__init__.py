"""Supernets: one set of weights for all networks of a space, trained once. Needs torch.

`weights`: the weights of a space, whatever it is made of (`of_backbones`: slices of the families'
and of bypass spaces' largest network; `of_blocks`: a module for each option of each place).
`modules`: the weights of a backbone and their forward passes, of one subnet or of one per image
(`mixing`). `cutting`: a subnet as a network of its own. `running`, with `drawing`, `memory` and
`epochs`: `flash.train_supernet`; `joint`: weights trained together with a method's distribution
over networks. `scoring`: `flash.Supernet`, accuracies of subnets.
"""

from __future__ import annotations

__all__: list[str] = []
