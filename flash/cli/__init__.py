from .. import _READ, _open

_open(_READ)
