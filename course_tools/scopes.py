"""Which names a piece of Python reads and binds, by the compiler's own rule and alike under every version.

The file needs the standard library alone: the sandbox puts it beside `classroom/worker.py`.
"""

import ast
import symtable


def symbol_table(statement: ast.stmt) -> symtable.SymbolTable:
    """The names of one statement of a module, and, as its children, those of the scopes inside.

    A comprehension's variable is the comprehension's own.  From Python 3.12 on the compiler writes comprehensions into
    the scope around them (PEP 709), and its table lists their variables there; it never does so with a generator.
    """
    tree = ast.parse(ast.unparse(statement))
    return symtable.symtable(ast.unparse(_ComprehensionsAsGenerators().visit(tree)), "cell", "exec")


def bound_names(table: symtable.SymbolTable) -> set[str]:
    """The names to which a statement of a module gives a value, `:=` inside a comprehension included."""
    symbols = table.get_symbols()
    return {one.get_name() for one in symbols if one.is_assigned() or one.is_imported() or one.is_declared_global()}


class _ComprehensionsAsGenerators(ast.NodeTransformer):
    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)
