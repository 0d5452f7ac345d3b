"""The cells of a notebook that some of its calls need, so that a browser can show a widget without the whole lesson."""

import ast
import symtable
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode, v4

from course_tools.scopes import bound_names, symbol_table

# The functions that make the widgets of each lesson that has some.
WIDGETS = {
    "01_noise.ipynb": ("slider",),
    "03_enhance_button.ipynb": ("slider_with_button",),
    "07_votes.ipynb": ("vote_gallery",),
    "08_is_it_a_copy.ipynb": ("size_calculator", "slider"),
}
# Statements that give names their values before they use them.
BINDS_FIRST = (ast.For, ast.With, ast.If, ast.While, ast.Try, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def with_calls_of(lesson: NotebookNode, functions: Sequence[str]) -> NotebookNode:
    """The lesson's set-up cell, the code cells that call one of the functions, and those that these need.

    A name that a cell reads is needed from the nearest cell above that gives it a value; a cell that only changes such
    a value (`votes.append(...)`) is left out.
    Raises ValueError for a function that is called nowhere.
    """
    cells = [cell for cell in lesson.cells if cell.cell_type == "code"]
    trees = [ast.parse(cell.source) for cell in cells]
    calls = [set(_calls(tree)) for tree in trees]
    if missing := set(functions) - set().union(*calls):
        raise ValueError(f"No cell calls {', '.join(sorted(missing))}.")
    names = [_names(tree) for tree in trees]
    wanted = [place for place, called in enumerate(calls) if called & set(functions)]
    needed = {place for place, cell in enumerate(cells) if cell.metadata.get("course", {}).get("set_up")}
    while wanted:
        place = wanted.pop()
        if place not in needed:
            needed.add(place)
            for name in names[place][0]:
                wanted += [above for above in reversed(range(place)) if name in names[above][1]][:1]
    return v4.new_notebook(cells=[cells[place] for place in sorted(needed)], metadata=lesson.metadata)


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The global names that a cell reads before it gives them a value, and those that it gives one."""
    reads: set[str] = set()
    binds: set[str] = set()
    for statement in tree.body:
        scope = symbol_table(statement)
        here = bound_names(scope)
        known = binds | here if isinstance(statement, BINDS_FIRST) else binds
        reads |= _read_in(scope) - known
        if isinstance(statement, ast.AugAssign):
            reads |= here - known
        binds |= here
    return reads, binds


def _read_in(scope: symtable.SymbolTable) -> set[str]:
    inside = scope.get_type() != "module"
    names = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_referenced()}
    names -= {name for name in names if inside and not scope.lookup(name).is_global()}
    return names.union(*map(_read_in, scope.get_children()))
