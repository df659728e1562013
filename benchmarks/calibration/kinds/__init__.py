"""Networks of many kinds, measured here: what `cpu-x86` and `cpu-x86-torch` are fitted to.

python -m benchmarks.calibration.kinds.measuring OUT      measures (about ten minutes)
python -m benchmarks.calibration.kinds.fitting DATA OUT   fits both targets to what it says
"""
