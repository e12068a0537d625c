"""Architecture: what the design says of imports, effects and sizes holds for every module."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent / "streams"
LAYERS = {
    "errors": 0,
    "records": 0,
    "ledger": 0,
    "settings": 0,
    "native": 0,
    "contracts": 1,
    "quality": 2,
    "state": 2,
    "pipeline": 3,
    "services": 4,
    "dsl": 4,
    "worker": 5,
    "planning": 6,
    "app": 6,
    "governance": 7,
    "cli": 8,
    "__main__": 9,
}
"""Imports go from a higher layer to a lower one, or stay in the package."""
BESIDE = {
    "capture": {"errors", "records", "settings", "contracts", "pipeline"},
    "embedded": {"errors", "settings", "contracts", "registry"},
    "testing": {"errors", "records", "settings", "ledger", "contracts", "quality", "state", "pipeline", "services"},
    "demo": {"errors", "settings", "embedded", "contracts", "testing"},
    "registry": {"errors", "contracts"},
    "pytest_plugin": {"settings", "contracts", "testing"},
    "drafting": {"errors", "records", "contracts", "quality", "pipeline", "capture"},
}
"""Packages that stand beside the layers, and what they may use."""
REACHED_FROM_CLI = {"capture", "drafting", "embedded", "testing", "registry", "contracts", "settings", "errors"}
ENGINE = {"faust", "mode"}
IMPURE = {
    "asyncio", "threading", "time", "random", "socket", "subprocess", "requests", "urllib", "aiohttp", "confluent_kafka"
}  # fmt: skip
ASKS_A_REGISTRY = "contracts/registry_http.py"
"""The one module of what transforms that speaks over the network, as ``load`` is the one that opens files."""
PURE_PACKAGES = ("records.py", "ledger.py", "errors.py", "contracts/", "pipeline/", "state/")
MAX_MODULE_LINES = 300
MAX_BODY_LINES = 25
LISTS = {
    "pipeline/build.py": {"_plan"},
    "settings.py": {"from_env"},
    "worker/engine.py": {"__init__"},
    "worker/metrics.py": {"__init__"},
}
"""Functions that name one thing a line and decide nothing: cut up, they would be harder to read."""
HOT = {"pipeline/formats/debezium_quick.py": {"decode"}, "capture/log/pgoutput.py": {"decode_message"}}
"""Once an event: a call more is microseconds more."""

WALK = ("process_batch", "_match", "_publish")
"""The way of a batch in ``pipeline/process.py``, in the order of its parts."""
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
ASYNC = ast.AsyncFunctionDef | ast.Await
MODULES = sorted(ROOT.rglob("*.py"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def where(is_wrong: Callable[[Path], object], paths: Iterable[Path] = MODULES) -> dict[str, object]:
    """What ``is_wrong`` finds, by module: empty when all is well, else every finding in one report."""
    return {short(path): found for path in paths if (found := is_wrong(path))}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    """Dotted name: ``streams.worker.engine``; a package's ``__init__`` is the package."""
    parts = ("streams", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def is_module(name: str) -> bool:
    place = ROOT.parent / Path(*name.split("."))
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def imports_of(path: Path, *, only_at_import: bool = False) -> Iterator[str]:
    """Dotted names of everything a module imports, also inside functions unless ``only_at_import``."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    nodes = at_import(tree_of(path)) if only_at_import else ast.walk(tree_of(path))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if is_module(f"{base}.{alias.name}") else base


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: no function bodies, nothing under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_import(node)


def part_of(name: str) -> str:
    """``streams.worker.engine`` is part of ``worker``."""
    return name.split(".")[1] if "." in name else ""


def _forbidden_imports(path: Path) -> set[str]:
    own = part_of(name_of(path))
    used = {part_of(name) for name in imports_of(path) if name.split(".")[0] == "streams"} - {own, ""}
    if own in BESIDE:
        return used - BESIDE[own]
    layer = LAYERS.get(own, 0)
    allowed = {name for name, other in LAYERS.items() if other < layer or other == 0}
    return used - allowed - (REACHED_FROM_CLI if layer >= LAYERS["cli"] else set())


def test_imports_point_one_way() -> None:
    assert where(_forbidden_imports) == {}


def test_no_import_cycles() -> None:
    graph = {
        name_of(path): {name for name in imports_of(path, only_at_import=True) if name.startswith("streams.")}
        for path in MODULES
    }
    open_names: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> None:
        assert name not in open_names, " imports ".join([*open_names[open_names.index(name) :], name])
        if name in done:
            return
        open_names.append(name)
        for other in sorted(graph.get(name, ())):
            visit(other)
        open_names.pop()
        done.add(name)

    for name in graph:
        visit(name)


def _roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


def test_only_the_worker_knows_faust() -> None:
    outside = [path for path in MODULES if part_of(name_of(path)) not in ("worker", "app")]

    assert where(lambda path: _roots(path) & ENGINE, outside) == {}


def test_what_transforms_has_no_clock_no_network_no_threads() -> None:
    pure = [path for path in MODULES if short(path).startswith(PURE_PACKAGES) and short(path) != ASKS_A_REGISTRY]

    assert where(lambda path: _roots(path) & IMPURE, pure) == {}
    assert where(lambda path: [n.lineno for n in ast.walk(tree_of(path)) if isinstance(n, ASYNC)], pure) == {}


def _environment_readings(path: Path) -> list[int]:
    names = ("os.environ", "os.getenv", "environ", "getenv")
    nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute | ast.Name)]
    return [node.lineno for node in nodes if ast.unparse(node) in names]


def test_only_settings_reads_the_environment() -> None:
    # The demo's supervisor hands its own environment on to its children; it reads nothing of it.
    others = [path for path in MODULES if short(path) not in ("settings.py", "demo/supervisor.py")]

    assert where(_environment_readings, others) == {}


def _openings(path: Path) -> list[int]:
    """Lines that open a file, except files of the package itself: ``files("streams.pipeline")….read_text()``."""
    opening = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "rglob", "glob", "iterdir"}
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    names = [(call, ast.unparse(call.func)) for call in calls]
    return [call.lineno for call, name in names if name.rpartition(".")[2] in opening and "files(" not in name]


def test_only_the_loader_opens_files_of_schemas() -> None:
    pure = [path for path in MODULES if short(path).startswith(("contracts/", "pipeline/", "records.py", "ledger.py"))]

    assert set(where(_openings, pure)) <= {"contracts/load.py"}


def _steps() -> list[Path]:
    """What ``process`` walks through: the modules it imports that say what comes in and what goes out."""
    walked = set(imports_of(ROOT / "pipeline" / "process.py"))
    return [path for path in MODULES if name_of(path) in walked and _heading("In", path)]


def _heading(word: str, path: Path) -> str | None:
    found = re.search(rf"^{word}: +(\S.*)", ast.get_docstring(tree_of(path)) or "", re.M)
    return found[1] if found else None


def test_steps_never_import_each_other() -> None:
    steps = {name_of(path) for path in _steps()}

    assert {"streams.pipeline.decode", "streams.pipeline.route"} < steps
    assert where(lambda path: steps & set(imports_of(path)), _steps()) == {}


def _wrong_next(path: Path) -> str | None:
    following = (_heading("Next", path) or "nothing said").split()[0].rstrip(".,;")
    return None if not following.startswith("streams.") or is_module(following) else following


def test_a_step_says_in_out_and_a_next_that_exists() -> None:
    assert where(lambda path: not (_heading("Out", path) and _heading("Next", path)), _steps()) == {}
    assert where(_wrong_next, _steps()) == {}


def test_each_step_leads_to_the_one_that_process_takes_next() -> None:
    tree = tree_of(ROOT / "pipeline" / "process.py")
    modules = {alias.name: f"streams.pipeline.{node.module}" for node in tree.body
               if isinstance(node, ast.ImportFrom) and node.level for alias in node.names}  # fmt: skip
    walk = [node for node in tree.body if isinstance(node, FUNCTION) and node.name in WALK]
    calls = [node for part in walk for node in ast.walk(part) if isinstance(node, ast.Call)]
    calls.sort(key=lambda node: node.lineno)
    # What is set aside comes from the ledger: the way of the events ends with their routes.
    said = {name_of(path): _heading("Next", path) for path in _steps()}
    called = [modules[name] for call in calls if (name := ast.unparse(call.func)) in modules and name != "set_aside"]
    steps = [step for step in called if step in said]

    assert [(step, said[step]) for step, following in pairwise(steps) if said[step] != following] == []


def test_modules_are_short() -> None:
    def size(path: Path) -> int:
        return len(path.read_text("utf-8").splitlines())

    assert where(lambda path: size(path) if size(path) >= MAX_MODULE_LINES else 0) == {}


def _long_functions(path: Path) -> dict[str, int]:
    """Lines of bodies that are too long, without their docstrings and without functions inside them."""
    return {
        node.name: lines
        for node in ast.walk(tree_of(path))
        if isinstance(node, FUNCTION) and (lines := _body_lines(node)) > MAX_BODY_LINES
    }


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    lines = set(range(body[0].lineno, (body[-1].end_lineno or 0) + 1)) if body else set()
    for statement in body:
        for inner in ast.walk(statement):
            if isinstance(inner, FUNCTION):
                lines -= set(range(inner.lineno, (inner.end_lineno or 0) + 1))
    return len(lines)


def test_functions_are_short() -> None:
    def unexcused(path: Path) -> set[str]:
        return set(_long_functions(path)) - LISTS.get(short(path), set()) - HOT.get(short(path), set())

    assert where(unexcused) == {}


def test_no_excuse_outlives_its_reason() -> None:
    long = {short(path): set(_long_functions(path)) for path in MODULES}

    assert [(file, names - long[file]) for file, names in [*LISTS.items(), *HOT.items()] if names - long[file]] == []


def test_every_module_says_what_it_is() -> None:
    assert where(lambda path: not ast.get_docstring(tree_of(path))) == {}


def _code_lines(path: Path) -> list[int]:
    return [
        node.lineno
        for node in tree_of(path).body
        if not isinstance(node, ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]


def test_a_package_file_holds_no_code() -> None:
    assert where(_code_lines, [path for path in MODULES if path.name == "__init__.py"]) == {}


def test_no_address_of_a_package_registry_is_written_down() -> None:
    lines = (ROOT.parent / ".ci" / "requirements.txt").read_text("utf-8").splitlines()

    assert [line for line in lines if "://" in line or line.startswith("--index")] == []
    assert all("--hash=sha256:" in line or "==" in line for line in lines)
