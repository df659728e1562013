"""The twin of flash.choose: every answer, one after another, in Python's exact fractions."""

from __future__ import annotations

import ast
import random
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import flash

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answer:
    """One option a group, None where one before covers it."""

    def __init__(self, table: Table, picks: tuple[int, ...]) -> None:
        self.picks = picks
        self.metrics: dict[str, Fraction] = {}
        for name, column in table.metrics.items():
            own = [column[i] for i in picks if i >= 0]
            self.metrics[name] = max(own) if name in table.peaks else sum(own, Fraction(0))
        self.choices = {
            group: None if i < 0 else table.labels[i]
            for group, i in zip(table.groups, picks, strict=True)
        }


class Table:
    """A problem as plain lists."""

    def __init__(self, problem: flash.ChoiceProblem) -> None:
        data = problem.to_dict()
        self.groups = list(data["options"])
        self.sizes = [len(one) for one in data["options"].values()]
        self.labels = [label for one in data["options"].values() for label in one]
        self.start = [sum(self.sizes[:g]) for g in range(len(self.sizes) + 1)]
        self.metrics = {
            name: [Fraction(repr(x)) for x in column] for name, column in data["metrics"].items()
        }
        self.peaks = data["peaks"]
        self.until = data.get("until")
        self.takes, self.gives = data.get("takes"), data.get("gives")

    def answers(self) -> Iterator[Answer]:
        """Every answer that hangs together."""
        lists = [[-1, *range(self.start[g], self.start[g + 1])] for g in range(len(self.groups))]
        for picks in product(*lists):
            if self.fits(picks):
                yield Answer(self, picks)

    def fits(self, picks: tuple[int, ...]) -> bool:
        covered, state, first = 0, None, True
        for g, i in enumerate(picks):
            if covered > g:
                if i >= 0:
                    return False
                continue
            if i < 0:
                return False
            if self.takes and self.gives:
                if not first and self.takes[i] != state:
                    return False
                state = self.gives[i]
            first = False
            end = self.until[i] if self.until else None
            covered = g + 1 if end is None else self.groups.index(end) + 1
        return covered == len(self.groups)

    def environment(self, answer: Answer) -> dict[str, Any]:
        """What a condition may name."""
        found: dict[str, Any] = {**answer.choices, **answer.metrics}
        found["option"] = answer.choices
        for name, column in self.metrics.items():
            found[f"own_{name}"] = {
                group: column[i] if i >= 0 else None
                for group, i in zip(self.groups, answer.picks, strict=True)
            }
        return found


class _Decimals(ast.NodeTransformer):
    """Numbers as the fractions that they are written as; a metric's own number by its column."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, (int, float)):
            call = ast.Call(ast.Name("Fraction", ast.Load()), [ast.Constant(repr(node.value))], [])
            return ast.copy_location(call, node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id != "option":
            name = ast.Name(f"own_{node.value.id}", ast.Load())
            return ast.copy_location(ast.Subscript(name, node.slice, ast.Load()), node)
        return node


def holds(condition: str) -> Any:
    """The condition as code: of the twin alone, which may run it."""
    tree = ast.fix_missing_locations(_Decimals().visit(ast.parse(condition, mode="eval")))
    return compile(tree, "condition", "eval")


def met(table: Table, where: list[str]) -> list[Answer]:
    """All answers that meet the conditions."""
    codes = [holds(one) for one in where]
    return [
        answer
        for answer in table.answers()
        if all(eval(code, {"Fraction": Fraction}, table.environment(answer)) for code in codes)
    ]


def random_problem(seed: int) -> flash.ChoiceProblem:
    """A small problem of any kind."""
    draw = random.Random(seed)
    groups = draw.randint(1, 5)
    sizes = [draw.randint(1, 4) for _ in range(groups)]
    n = sum(sizes)
    options = {f"g{g}": [f"o{j}" for j in range(size)] for g, size in enumerate(sizes)}

    def column() -> list[float]:
        kind = draw.choice(["whole", "decimal", "signed", "binary", "few"])
        if kind == "whole":
            return [draw.randint(0, 30) for _ in range(n)]
        if kind == "decimal":
            return [draw.randint(0, 300) / 10 for _ in range(n)]
        if kind == "signed":
            return [draw.randint(-9, 9) for _ in range(n)]
        if kind == "binary":
            return [draw.randint(1, 64) / 8 for _ in range(n)]
        return [draw.randint(1, 3) for _ in range(n)]

    metrics = {name: column() for name in ("loss", "cost", "room")[: draw.randint(1, 3)]}
    more: dict[str, Any] = {}
    if draw.random() < 0.4:
        metrics["peak"] = [draw.randint(1, 9) for _ in range(n)]
        more["peaks"] = ["peak"]
    if draw.random() < 0.3:
        more["until"] = [
            f"g{draw.randint(g, min(groups - 1, g + 2))}" if draw.random() < 0.4 else None
            for g, size in enumerate(sizes)
            for _ in range(size)
        ]
    if draw.random() < 0.3:
        states = ["a", "b", "c"][: draw.randint(1, 3)]
        more["takes"] = [draw.choice(states) for _ in range(n)]
        more["gives"] = [draw.choice(states) for _ in range(n)]
    return flash.ChoiceProblem(options, metrics, **more)


def random_conditions(problem: flash.ChoiceProblem, seed: int) -> list[str]:
    """Conditions of every form, about half of them met by some answer."""
    draw = random.Random(seed)
    table = Table(problem)
    some = [answer for answer, _ in zip(table.answers(), range(300), strict=False)]
    sums = [name for name in problem.metrics if name not in problem.peaks]

    def limit(expression: str) -> str:
        if not some or draw.random() < 0.2:
            return str(draw.randint(-5, 60))
        values = table.environment(draw.choice(some))
        value = eval(holds(expression), {"Fraction": Fraction}, values)
        return str(float(value))

    def one() -> str:
        kind = draw.randint(0, 8)
        sign = draw.choice(["<=", "<=", "<", ">=", ">", "=="])
        metric, other = draw.choice(sums), draw.choice(sums)
        g, h = draw.choice(problem.groups), draw.choice(problem.groups)
        if kind <= 2:
            return f"{metric} {sign} {limit(metric)}"
        if kind == 3:
            expression = f"2 * {metric} - 0.5 * {other} + 1"
            return f"{expression} {sign} {limit(expression)}"
        if kind == 4 and "peak" in problem.metrics:
            return f"peak {draw.choice(['<=', '<', '>=', '>'])} {draw.randint(1, 9)}"
        if problem._until is not None:  # choices of covered groups are compared elsewhere
            return f"{metric} {sign} {limit(metric)}"
        if kind == 5:
            return f"{g} {draw.choice(['==', '!='])} {h}"
        if kind == 6:
            return f'{metric}["{g}"] {draw.choice(["<=", "<", ">=", ">"])} {other}["{h}"]'
        first = f'{g} == "{draw.choice(problem.options(g))}"'
        second = f'{h} in ("{draw.choice(problem.options(h))}",)'
        return draw.choice(
            [f"not ({first} and {second})", f"{first} or {second}", f"not {first}", first]
        )

    return [one() for _ in range(draw.randint(0, 3))]


def write_blocks(path: Any, group: str = "group", option: str = "option") -> None:
    """A small table of options as a CSV file: what the command line's examples name."""
    draw = random.Random(1)
    rows = [f"{group},{option},loss,latency_ms,memory_mib,sram_kib,remark"]
    for layer in range(6):
        for name in ("mb3", "mb6", "skip"):
            loss = draw.randint(1, 900) / 1000
            more = f"{draw.randint(1, 9) / 2},{draw.randint(10, 60)},{draw.randint(100, 400)}"
            rows.append(f"layer_{layer},{name},{loss},{more},of {name}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
