"""Rows of a network as dictionaries, written down one operation after the other."""

from __future__ import annotations

from .network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Rows"]


class Rows:
    """Rows of a network to be, with the channels that each hands on."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.channels: list[int] = []

    def add(self, kind: str, inputs: list[int], out: int, **fields: Any) -> int:
        """Add a row that hands on `out` channels; return its number."""
        self.rows.append({"kind": kind, "inputs": inputs, **fields})
        self.channels.append(out)
        return len(self.rows) - 1

    def conv(self, source: int, out: int, kernel: int, stride: int = 1, **fields: Any) -> int:
        """Add a convolution."""
        given = {"kernel": kernel, "stride": stride, "out_channels": out, **fields}
        return self.add("conv", [source], out, **given)

    def join(self, sources: list[int]) -> int:
        """Return the sum of some rows; of one, the row itself."""
        if len(sources) == 1:
            return sources[0]
        return self.add("add", sources, self.channels[sources[0]])

    def pool(self, source: int, kernel: int, stride: int, mode: str = "avg") -> int:
        """Add a pooling."""
        fields = {"kernel": kernel, "stride": stride, "mode": mode}
        return self.add("pool", [source], self.channels[source], **fields)

    def close(
        self,
        source: int,
        classes: int,
        norm: bool | str = False,
        side: int = 32,
        activation: str | None = None,
    ) -> Network:
        """Add global average pooling and the classifier; return the network."""
        more = {"mode": "global_avg", "norm": norm, "activation": activation}
        at = self.add("pool", [source], self.channels[source], **more)
        end = self.add("linear", [at], classes, out_channels=classes, bias=True)
        return Network.from_layers(self.rows, (3, side, side), [end])
