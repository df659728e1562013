"""The nodes of an ONNX file one after the other: scopes, branches, loops and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import AttributeProto

from ....base.checks import shown
from ....errors import FormatError
from ..operations import Listing
from .calls import Call, Open, Unknown
from .folding import fold
from .nodes import HANDLERS, WEIGHED
from .values import Shape, Stored, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Reader", "Scope"]

MAX_DEPTH = 32  # of branches and functions inside each other
MAX_VISITS = 1 << 18  # of nodes, those of loops and functions each time
DEFAULT = ("", "ai.onnx")


class Scope:
    """Names of one graph, and of those around it."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.values: dict[str, Value] = {}
        self.readers: dict[str, list[str]] = {}  # the operators that read a value
        self.declared: dict[str, Any] = {}  # what the file says of a value

    def find(self, name: str) -> Value | None:
        """Return the value of a name, None where there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        return None


class Reader:
    """What is known of a file while its nodes are read.

    Parameters
    ----------
    model : ModelProto
    cells : str or None
        Prefix of node names that is followed by the number of a cell.
    fetch : callable
        Returns the numbers of a tensor in another file, None where that is not to be.
    """

    def __init__(self, model: Any, cells: str | None, fetch: Callable[[Any], Any]) -> None:
        self.listing: Listing = Listing()
        self.fetch = fetch
        self.notes: list[str] = []  # what is read otherwise than a run might go
        self.unknown: list[tuple[str, str, str]] = []  # operators, where, and why
        self.before: dict[int, Any] = {}  # of an operation's number the one that only it reads
        self.uses: list[tuple[Stored, str]] = []  # of stored tensors, in order
        self.handed: list[int] = []  # values that what the table says nothing of reads
        self.roles: dict[str, str] = {}
        self.folded: set[str] = set()
        self.opsets = {one.domain or "": one.version for one in model.opset_import}
        self.opsets.setdefault("", self.opsets.get("ai.onnx", 1))
        self.functions: dict[tuple[str, str, str], Any] = {}
        for one in model.functions:
            self.functions[(one.domain, one.name, getattr(one, "overload", ""))] = one
        self.is_torch = model.producer_name == "pytorch"
        for one in model.graph.value_info:
            for entry in one.metadata_props:
                if entry.key == "pkg.torch.export.graph_signature.InputSpec.kind":
                    self.roles[one.name] = entry.value
                elif entry.key == "pkg.onnxscript.optimizer.folded_from":
                    self.folded.add(one.name)
        self.has_roles = bool(self.roles)
        newer = any(one.metadata_props for one in model.graph.node[:50])
        self.is_scripted = self.is_torch and not self.has_roles and not newer
        self.symbols: dict[str, int] = {}
        self.trusts_declared = True
        self.fixed_batch = 1  # that the file is made for, where it is read for one image
        self._cells = cells
        self._visits = 0
        self._depth = 0

    @property
    def opset(self) -> int:
        """The version of ai.onnx."""
        return int(self.opsets[""])

    def cell(self, path: str) -> int | None:
        """Return the cell that a path names."""
        if self._cells and path.startswith(self._cells):
            digits = path[len(self._cells) :].partition(".")[0]
            if digits.isdecimal() and len(digits) < 7:
                return int(digits)
        return None

    # Graphs

    def initialise(self, graph: Any, scope: Scope) -> None:
        """Note what a graph stores."""
        for tensor in graph.initializer:
            stored = Stored(tensor, tensor.name, self.roles.get(tensor.name), False, self.fetch)
            scope.values[tensor.name] = Value.stored(stored)
        for sparse in graph.sparse_initializer:
            stored = Stored(sparse.values, sparse.values.name)
            value = Value.stored(stored)
            value.shape, value.origin = tuple(sparse.dims), None
            scope.values[sparse.values.name] = value
        for one in (*graph.value_info, *graph.output):
            scope.declared[one.name] = one.type

    def run(
        self, nodes: Sequence[Any], outputs: Iterable[str], scope: Scope, prefix: str = ""
    ) -> None:
        """Read the nodes that outputs are made of."""
        outputs = list(outputs)
        made = set(scope.values)
        for number, node in enumerate(nodes):
            for name in node.output:
                if name and name in made:
                    where = _name(node, number)
                    raise FormatError(f"{shown(name)} is made twice, the second time at {where}")
                made.add(name)
        needed = {name for name in outputs if name}
        live: list[tuple[int, Any]] = []
        for name in needed:
            scope.readers.setdefault(name, []).append("")
        for number in range(len(nodes) - 1, -1, -1):
            node = nodes[number]
            if needed.isdisjoint(node.output):
                continue
            live.append((number, node))
            for name in _read(node, 0):
                needed.add(name)
                scope.readers.setdefault(name, []).append(node.op_type)
        for number, node in reversed(live):
            self._visits += 1
            if self._visits > MAX_VISITS:
                raise FormatError(
                    f"the ONNX file must run at most {MAX_VISITS} nodes, those of loops and "
                    "functions each time, got more"
                )
            self._take(node, prefix + _name(node, number), scope, made)

    def deeper(self, what: str) -> _Depth:
        """Guard against branches and functions that hold each other without an end."""
        return _Depth(self, what)

    def subgraph(
        self,
        call: Call,
        graph: Any,
        given: Sequence[Value | None] = (),
        suffix: str = "",
    ) -> list[Value]:
        """Read a branch or the body of a loop and return its outputs."""
        with self.deeper(call.at):
            scope = Scope(call.scope)
            self.initialise(graph, scope)
            names = [one.name for one in graph.input if one.name not in scope.values]
            for name, value in zip(names, given, strict=False):
                if value is not None:
                    scope.values[name] = value
            outputs = [one.name for one in graph.output]
            self.run(graph.node, outputs, scope, f"{call.name}{suffix}/")
            return [self._found(name, scope, call.at) for name in outputs]

    def _found(self, name: str, scope: Scope, where: str) -> Value:
        value = scope.find(name)
        if value is None:
            raise FormatError(f"{where}: its output {shown(name)} is made by nothing")
        return value

    # Nodes

    def _take(self, node: Any, name: str, scope: Scope, made: set[str]) -> None:
        """Read one node."""
        call = Call(self, scope, node, name)
        if node.domain not in DEFAULT:
            call.operator = f"{node.domain}.{node.op_type}"[:80]
        self._placed(call)
        for one in node.input:
            value = scope.find(one) if one else None
            if one and value is None:
                raise FormatError(
                    f"{call.at} reads {shown(one)}, which nothing before it makes: a cycle, "
                    "nodes out of order, or a truncated file"
                )
            call.inputs.append(value)
        for attribute in node.attribute:
            call.fields[attribute.name] = attribute
        try:
            self._work(call)
        except FormatError:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            # an input or output that is not there, a constant of a shape that it cannot have
            raise FormatError(f"{call.at} cannot be read: {error}") from error
        given = {one.number for one in call.given() if one.number is not None}
        inside = any(one.type == AttributeProto.GRAPH for one in node.attribute)
        inside = inside or self._function(node) is not None
        for name, result in zip(node.output, call.results, strict=True):
            if not name:
                continue
            value = Value(None) if result is None else result.copy()
            alone = len(scope.readers.get(name, ())) == 1
            value.alone = alone and (value.alone or not (inside or value.number in given))
            scope.values[name] = value

    def _placed(self, call: Call) -> None:
        """Take the names of modules that torch's newer exporter notes."""
        for entry in call.node.metadata_props if not self.is_scripted else ():
            if entry.key == "pkg.torch.onnx.name_scopes":
                scopes = _listed(entry.value)
                if scopes:
                    call.place = scopes[-2] if len(scopes) > 1 else ""
                    call.path = ".".join(one for one in (call.place, scopes[-1]) if one)
            elif entry.key == "pkg.torch.onnx.class_hierarchy":
                classes = _listed(entry.value)
                call.is_norm_module = len(classes) > 1 and classes[-2].startswith("torch.nn.")

    def _work(self, call: Call) -> None:
        node = call.node
        lost = any(one.is_lost for one in call.given())
        function = self._function(node)
        if function is not None:
            self._call(call, function)
            return
        handler = HANDLERS.get(call.operator)
        if handler is None:
            if not lost:
                self.unknown.append((call.operator, call.name[:80], ""))
            self._lose(call)
            return
        if lost:
            self._lose(call)
            return
        try:
            handler(call)
        except Unknown as why:
            self.unknown.append((call.operator, call.name[:80], str(why)))
            self._lose(call)
        except Open as why:
            self._open(call, str(why))
        else:
            fold(call)

    def _function(self, node: Any) -> Any:
        """Return the model's own function that a node calls, None where it is an operator."""
        return self.functions.get((node.domain, node.op_type, getattr(node, "overload", "")))

    def _lose(self, call: Call) -> None:
        for place in range(len(call.results)):
            value = Value(None)
            value.is_lost = True
            call.results[place] = value

    def _open(self, call: Call, why: str) -> None:
        """Go on after a node whose results' shapes depend on the data."""
        given = call.given()
        shapes = [self._declared(name, call.scope) for name in call.node.output if name]
        whole = all(one.shape is not None for one in given)
        if whole and all(one is not None for one in shapes) and call.operator not in WEIGHED:
            for place, shape in enumerate(shapes):
                if shape is not None:
                    call.give(
                        "elementwise", given, shape, place, name=call.node.op_type.lower(),
                        params=call.weigh(*given, role="other"),
                    )  # fmt: skip
            return
        inner = [one.g for one in call.node.attribute if one.type == AttributeProto.GRAPH]
        for name in _read(call.node, 0) if inner else ():
            value = call.scope.find(name)
            if value is not None and all(value is not one for one in given):
                given.append(value)
        multiplies = call.operator in WEIGHED or any(_multiplies(one, 0) for one in inner)
        if multiplies or call.weigh(*given, role="other"):
            raise FormatError(
                f"{call.at} cannot be counted: {why}. Sizes that depend on the data are accepted "
                "after the last layer only"
            )
        self.handed += [one.number for one in given if one.number is not None]
        call.results = [Value(None) for _ in call.results]

    def _declared(self, name: str, scope: Scope) -> Shape | None:
        """Return the shape that the file declares for a value."""
        declared = scope.declared.get(name)
        if declared is None or not self.trusts_declared:
            return None
        return self.sizes(declared)

    def sizes(self, declared: Any) -> Shape | None:
        """Return the shape of a type, None where a size of it is open."""
        if not declared.tensor_type.HasField("shape"):
            return None
        sizes = []
        for dim in declared.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value > 0:
                sizes.append(int(dim.dim_value))
            elif dim.dim_param in self.symbols:
                sizes.append(self.symbols[dim.dim_param])
            else:
                return None
        return tuple(sizes)

    def _call(self, call: Call, function: Any) -> None:
        """Read a function of the model in the node's place."""
        with self.deeper(call.at):
            scope = Scope()
            for name, value in zip(function.input, call.inputs, strict=False):
                if value is not None:
                    scope.values[name] = value
            given = dict(call.fields)
            for one in function.attribute_proto:
                given.setdefault(one.name, one)
            nodes = [_bound(node, given, function.input, scope) for node in function.node]
            outer, self.opsets = self.opsets, dict(self.opsets)
            for one in function.opset_import:
                self.opsets[one.domain or ""] = one.version
            try:
                self.run(nodes, function.output, scope, f"{call.name}/")
            finally:
                self.opsets = outer
            for place, name in enumerate(function.output):
                call.set(place, self._found(name, scope, call.at))


class _Depth:
    def __init__(self, reader: Reader, what: str) -> None:
        self.reader = reader
        self.what = what

    def __enter__(self) -> None:
        self.reader._depth += 1
        if self.reader._depth > MAX_DEPTH:
            self.reader._depth -= 1
            raise FormatError(
                f"{self.what}: branches, loops and functions must be at most {MAX_DEPTH} deep, "
                "got more: a function that calls itself?"
            )

    def __exit__(self, *exc: object) -> None:
        self.reader._depth -= 1


def _multiplies(graph: Any, depth: int) -> bool:
    """Whether a branch or body holds a product."""
    return any(
        node.op_type in WEIGHED
        or f"{node.domain}.{node.op_type}" in WEIGHED
        or any(
            one.type == AttributeProto.GRAPH and _multiplies(one.g, depth + 1)
            for one in node.attribute
        )
        for node in graph.node
    )


def _name(node: Any, number: int) -> str:
    name = node.name if isinstance(node.name, str) else ""  # bytes where it is no UTF-8
    return name or f"node {number}"


def _listed(text: str) -> list[str]:
    """Return a list of strings that was written as Python writes it."""
    return [one.strip().strip("'\"") for one in text.strip().strip("[]").split(",")]


def _read(node: Any, depth: int) -> list[str]:
    """Return the names that a node reads, its branches' as well."""
    names = [name for name in node.input if name]
    if depth > MAX_DEPTH:
        raise FormatError(f"branches must be at most {MAX_DEPTH} deep, got more")
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            names += [one.name for one in attribute.g.output]
            for inner in attribute.g.node:
                names += _read(inner, depth + 1)
    return names


def _bound(node: Any, given: dict[str, Any], inputs: Any, scope: Scope) -> Any:
    """Return a function's node with the attributes of the call."""
    missing = any(name and name in inputs and name not in scope.values for name in node.input)
    if not missing and not any(
        one.ref_attr_name or one.type == AttributeProto.GRAPH for one in node.attribute
    ):
        return node
    twin = type(node)()
    twin.CopyFrom(node)
    _bind(twin, given, 0)
    for place, name in enumerate(twin.input):
        if name in inputs and name not in scope.values:
            twin.input[place] = ""  # an input that the call leaves out
    return twin


def _bind(node: Any, given: dict[str, Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FormatError(f"branches must be at most {MAX_DEPTH} deep, got more")
    kept = []
    for one in node.attribute:
        if one.ref_attr_name:
            bound = given.get(one.ref_attr_name)
            if bound is None:
                continue
            copy = type(one)()
            copy.CopyFrom(bound)
            copy.name = one.name
            kept.append(copy)
            continue
        if one.type == AttributeProto.GRAPH:
            for inner in one.g.node:
                _bind(inner, given, depth + 1)
        kept.append(one)
    fresh = [type(one).FromString(one.SerializeToString()) for one in kept]
    del node.attribute[:]
    node.attribute.extend(fresh)
