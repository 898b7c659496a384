"""Generate the client's models, API classes and import paths from api/: `make format` runs it, `make check` checks it.

    python scripts/generate_client.py          write the files that changed, delete the ones that are no longer generated
    python scripts/generate_client.py --check  exit with 1 if a file would change

Files are written in the layout that the generator gives them: ruff formats none of them (see pyproject.toml). Everything
else of the client (flow, transport, credentials, the base classes) is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from api_facts import load, snake
from client_facades import Facades, class_of
from client_models import Models
from client_rendering import HEADER, NAME, render

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / NAME

WRITTEN_BY_HAND = {
    "api_client": ["ApiClient"],
    "api_response": ["ApiResponse"],
    "configuration": ["Configuration"],
    "exceptions": [
        "ApiArgumentError", "ApiAttributeError", "ApiConnectionError", "ApiDecodeError", "ApiException", "ApiKeyError",
        "ApiTimeoutError", "ApiTypeError", "ApiValueError", "BadRequestException", "ConflictException",
        "ForbiddenException", "NotFoundException", "OpenApiException", "RateLimitedException", "ServiceException",
        "UnauthorizedException", "UnprocessableEntityException", "WebhookDecodeError", "WebhookVerificationError",
    ],
    "transport": ["Transport"],
    "_uploads": ["Upload"],
    "_version": ["__version__"],
}  # fmt: skip
"""The public names of the modules that are not generated."""

SUBMODULES = [
    "aio",
    "api",
    "api_client",
    "api_response",
    "configuration",
    "exceptions",
    "model",
    "models",
    "rest",
    "transport",
    "undefined",
    "webhooks",
]
TABLE_BEGINS = "<!-- scripts/generate_client.py writes this table. -->"
TABLE_ENDS = "<!-- The table ends here. -->"
ASYNCHRONOUS = {"aio.api_client": ["ApiClient"], "aio.transport": ["Transport"]}

Names = dict[str, list[str]]
"""The names of a package, by the module that defines them."""


def outputs() -> dict[Path, str]:
    """Return the content of every generated file."""
    api = load()
    models = Models(api)
    facades = Facades(api, models)
    files: dict[Path, str] = {}

    defined: Names = {}
    for module, planned in models.modules().items():
        files[PACKAGE / "models" / f"{module}.py"] = render(models, module)
        defined[f"models.{module}"] = sorted(model.name for model in planned)
        for model in planned:
            for folder in ("model", "models"):
                files[PACKAGE / folder / f"{snake(model.name)}.py"] = alias(f"models.{module}", model.name)

    for earlier, name in models.earlier().items():
        for folder in ("model", "models"):
            files[PACKAGE / folder / f"{snake(earlier)}.py"] = alias(
                f"models.{models.classes[name].module}", name, earlier
            )
        defined[f"models.{snake(earlier)}"] = [earlier]

    classes: Names = {}
    for tag in facades.tags:
        module = f"api.{snake(class_of(tag))}"
        classes[module] = [class_of(tag)]
        for folder, asynchronous in ((PACKAGE, False), (PACKAGE / "aio", True)):
            files[folder / f"{module.replace('.', '/')}.py"] = facades.render(tag, asynchronous=asynchronous)

    awaited = {f"aio.{module}": names for module, names in classes.items()}
    faces: dict[str, Names] = {
        "": defined | classes | WRITTEN_BY_HAND,
        ".model": defined,
        ".models": defined,
        ".api": classes,
        ".aio": awaited | ASYNCHRONOUS,
        ".aio.api": awaited,
    }
    aliases = [snake(name) for names in defined.values() for name in names]
    modules = [module.removeprefix("api.") for module in classes]
    submodules = {
        "": SUBMODULES,
        ".model": aliases,
        ".models": aliases,
        ".api": modules,
        ".aio": ["api", "api_client", "transport"],
        ".aio.api": modules,
    }
    files[PACKAGE / "_names.py"] = table(faces)
    page = ROOT / "docs" / "client.md"
    before, _, rest = page.read_text().partition(TABLE_BEGINS)
    files[page] = f"{before}{TABLE_BEGINS}\n\n{operation_table(facades)}\n\n{TABLE_ENDS}{rest.partition(TABLE_ENDS)[2]}"
    for package, names in faces.items():
        path = PACKAGE / package.strip(".").replace(".", "/") / "__init__.pyi"
        files[path] = face(names, NAME + package, sorted(submodules[package]))
    return files


def operation_table(facades: Facades) -> str:
    """Return the table of all operations for docs/client.md."""
    lines = ["| class | method | request | what it does |", "|---|---|---|---|"]
    for tag, operations in facades.tags.items():
        for operation in operations:
            request = f"{operation.method} {operation.path}"
            lines.append(f"| `{class_of(tag)}` | `{operation.name}` | `{request}` | {operation.summary} |")
    return "\n".join(lines)


def alias(module: str, name: str, exported: str = "") -> str:
    """Return a module that defines one name, at the import path of the official package or of its published samples."""
    home = f"{NAME}.{module}"
    if exported:
        return f"{HEADER}\n\nfrom {home} import {name}\n\n{exported} = {name}\n"
    return f"{HEADER}\n\nfrom {home} import {name} as {name}\n"


def table(faces: dict[str, Names]) -> str:
    """Return the module with the table of names, from which the packages import on first use."""
    lines = ['"""The public names of each package, by the module that defines them."""', "", HEADER, ""]
    shared = {"_MODELS": faces[".models"], "_APIS": faces[".api"], "_AWAITED": faces[".aio.api"]}
    for constant, names in shared.items():
        lines += [f"{constant} = {{", *_entries(names, "    "), "}"]
    lines += ["NAMES: dict[str, dict[str, str]] = {"]
    for package, names in faces.items():
        parts = [f"**{constant}" for constant, part in shared.items() if part.items() <= names.items()]
        own = {
            module: listed for module, listed in names.items() if not any(module in part for part in shared.values())
        }
        lines += [f'    "{NAME}{package}": {{{", ".join(parts)}{"," if own else "}"}']
        lines[-1] += "" if own else ","
        lines += [*_entries(own, "        "), "    },"] if own else []
    return "\n".join([*lines, "}", ""])


def _entries(names: Names, indent: str) -> list[str]:
    return [f'{indent}"{module}": "{" ".join(listed)}",' for module, listed in sorted(names.items())]


def face(names: Names, package: str, submodules: list[str]) -> str:
    """Return the stub of a package for type checkers, which cannot follow imports on first use."""
    lines = [HEADER, ""]
    if package == NAME:
        lines += ["from collections.abc import Callable", ""]
    lines += [f"from {NAME}.{module} import {_listed(sorted(listed))}" for module, listed in sorted(names.items())]
    lines += [f"from {package} import {_listed(submodules)}"]
    if package == NAME:
        lines += ["", "def _lazy(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]: ..."]
    public = sorted(name for listed in names.values() for name in listed if name != "__version__")
    return "\n".join([*lines, "", f"__all__ = [{', '.join(f'{name!r}' for name in public)}]".replace("'", '"'), ""])


def _listed(names: list[str]) -> str:
    return ", ".join(f"{name} as {name}" for name in names)


def stale(files: dict[Path, str]) -> Iterator[Path]:
    """Yield the generated files that differ, are missing, or are no longer generated."""
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            yield path
    for path in PACKAGE.rglob("*.py*"):
        if path.suffix in (".py", ".pyi") and path not in files and HEADER in path.read_text():
            yield path


def main() -> int:
    """Write or check the files, and name those that changed."""
    check = "--check" in sys.argv[1:]
    files = outputs()
    paths = list(stale(files))
    for path in paths:
        print("stale:" if check else "wrote:" if path in files else "deleted:", path.relative_to(ROOT))
        if not check and path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
        elif not check:
            path.unlink()
    return 1 if check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
