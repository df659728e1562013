"""What flash's core does, as a good user of numpy, numba or polars would write it."""
