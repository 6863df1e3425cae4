"""The scripts of a bundle are complete, and are the modules of this package but for their imports."""

import ast
import re
from importlib import resources

from orienteer.exports.bundle.carried import CARRIED, write_scripts

WITHOUT = {"torch", "monai", "numpy", "scipy", "einops", "scripts"}


def test_they_import_each_other_and_common_packages_alone(tmp_path):
    names = write_scripts(tmp_path / "scripts")
    assert {path.name for path in (tmp_path / "scripts").iterdir()} == set(names)
    modules = {name.removesuffix(".py") for name in names}
    for path in (tmp_path / "scripts").iterdir():
        for node in ast.walk(ast.parse(path.read_text())):
            imported = [node.module] if isinstance(node, ast.ImportFrom) else []
            imported += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for module in filter(None, imported):
                top, _, rest = module.partition(".")
                if top == "scripts":
                    assert rest in modules, f"{path.name} imports {module}"
                elif top != "SimpleITK" or path.name != "refuse.py":  # inside a function that a bundle does not call
                    assert top in WITHOUT or top in __import__("sys").stdlib_module_names, f"{path.name}: {module}"


def test_nothing_but_imports_differs(tmp_path):
    write_scripts(tmp_path / "scripts")
    for module in CARRIED:
        source = resources.files(module.package).joinpath(f"{module.name}.py").read_text("utf-8")
        note, copy = (tmp_path / f"scripts/{module.name}.py").read_text("utf-8").split("\n", 1)
        assert "Apache License 2.0" in note
        plain = [re.sub(r"^from (orienteer|scripts|jaxtyping)\S* import", "", line) for line in source.splitlines()]
        assert plain == [re.sub(r"^from scripts\S* import", "", line) for line in copy.splitlines()]


def test_no_two_modules_have_one_name():
    names = [module.name for module in CARRIED]
    assert len(set(names)) == len(names)
