"""Bits for each layer: what fewer cost (`flash.sensitivities`), whole choices measured
(`flash.best_measured`), and modules that have them (`flash.quantised`). What a number of bits makes
of weights is `rounding.py`, for all."""
