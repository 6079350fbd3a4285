"""The house: which room may use which, and what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
MAY_USE = {
    "sessions": {"sessions"},
    "config": {"config"},
    "adapters": {"adapters", "sessions"},
    "bot": {"bot", "adapters", "sessions", "config"},
}
LIBRARY_NEEDS = {"aiosqlite", "cryptography", "apscheduler"}
ONLY_FOR = {"sessions.postgres": {"asyncpg"}}  # imported when a store of that kind is opened
COME_WITH_THEM = {"tzlocal", "tzdata", "cffi", "_cffi_backend", "typing_extensions"}
ANOTHER_MACHINE = re.compile(r"(?<![\w./])/(?:work|farm|root)/")


class Import(NamedTuple):
    """One module that another one imports."""

    module: str
    line: int
    runs: bool  # False where only type checkers read it


def dotted(path: Path) -> str:
    """Give the name under which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """Find every module of the four packages."""
    return {dotted(path): path for package in MAY_USE for path in sorted((ROOT / package).rglob("*.py"))}


def for_types_only(node: ast.AST) -> bool:
    """Tell whether a block is there for type checkers alone."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(tree: ast.AST, name: str, *, is_package: bool, runs: bool = True) -> Iterator[Import]:
    """Find what a module imports, wherever in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".")
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            yield from (Import(f"{source}.{alias.name}", node.lineno, runs) for alias in node.names)
        else:
            yield from imports(node, name, is_package=is_package, runs=runs and not for_types_only(node))


@cache
def imports_of(name: str) -> tuple[Import, ...]:
    """Find what one of our modules imports."""
    path = modules()[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(imports(tree, name, is_package=path.name == "__init__.py"))


def our_module(target: str) -> str | None:
    """Give the module of ours that an import reaches: the name itself, or what it is taken from."""
    return next((name for name in (target, target.rpartition(".")[0]) if name in modules()), None)


@pytest.mark.parametrize("package", MAY_USE)
def test_imports_run_one_way(package: str) -> None:
    """The bot uses adapters, the library and the settings, adapters use the library, the others nobody."""
    wrong = [
        f"{name}:{found.line} imports {found.module}"
        for name in modules()
        if name.partition(".")[0] == package
        for found in imports_of(name)
        if (top := found.module.partition(".")[0]) in MAY_USE and top not in MAY_USE[package]
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Every module can be read after those that it imports; an import inside a function is one as well."""
    graph = {
        name: {target for found in imports_of(name) if found.runs and (target := our_module(found.module))} - {name}
        for name in modules()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_the_library_needs_three_packages_alone() -> None:
    """What `sessions` imports besides itself comes with Python, or is one of three packages, or a database's driver."""
    known = LIBRARY_NEEDS | {"sessions"} | sys.stdlib_module_names
    wrong = [
        f"{name}:{found.line} imports {found.module}"
        for name in modules()
        if name.partition(".")[0] == "sessions"
        for found in imports_of(name)
        if found.module.partition(".")[0] not in known | ONLY_FOR.get(name.rpartition(".")[0], set())
    ]
    assert wrong == []


def test_the_library_works_where_nothing_else_is_installed() -> None:
    """Every module of `sessions` can be imported with all other packages missing."""
    needed = LIBRARY_NEEDS | COME_WITH_THEM
    missing = {*packages_distributions(), "adapters", "bot", "config"} - needed - {"sessions"}
    program = f"""
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
for module in {[name for name in modules() if name.partition(".")[0] == "sessions"]!r}:
    importlib.import_module(module)
import sessions
for name in sessions.__all__:
    getattr(sessions, name)
for other in ("adapters", "bot", "config", "pydantic", "click"):
    try:
        importlib.import_module(other)
    except ModuleNotFoundError:
        continue
    sys.exit(other + " should have been missing")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def files() -> Iterator[Path]:
    """Find every text file of the project, whether or not it is under version control yet."""
    made = {"__pycache__", "build", "dist"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") for part in parts[:-1]) and parts[0] != ".ci"
        if path.is_file() and not hidden and not made & set(parts) and path.suffix not in (".pyc", ".db"):
            yield path


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    """The project works wherever it lies, so no file of it says where that was."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in files()
        if ANOTHER_MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert wrong == []


def test_every_dependency_is_pinned_with_hashes_and_no_index_is_named() -> None:
    """What is installed is what was tested, from whichever package index is at hand."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), flags=re.MULTILINE)
    pins = re.split(r"\n(?=[\w.-]+==)", "\n" + text)[1:]
    assert len(pins) > 40
    assert all("--hash=sha256:" in pin for pin in pins)
    assert len(pins) == len(re.findall(r"^[a-z]", text, flags=re.MULTILINE))


def test_every_test_says_what_holds() -> None:
    """A test starts with one sentence that states the behaviour."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []
