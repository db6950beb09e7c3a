"""Writes docs/reference/plugin-api.md from signatures, fields and docstrings: `make reference`."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import attrs

from docs.documents import DOCS, markdown
from forget.hooks import API_VERSION

__all__ = ["PAGE", "PUBLIC", "entries", "page"]

PAGE = DOCS / "reference" / "plugin-api.md"

PUBLIC: dict[str, tuple[str, ...] | None] = {
    "forget.hooks": None,
    "forget.method": None,
    "forget.dataset": None,
    "forget.teacher": None,
    "forget.benchmark": None,
    "forget.completion": None,
    "forget.settings": ("setting", "variant_setting"),
    "forget.deprecation": (
        "Deprecation",
        "deprecated_field",
        "ForgetDeprecationWarning",
        "DeprecatedSettingWarning",
    ),
    "forget.progress": None,
    "forget.training": None,
    "forget.training.length": ("Foreseeable",),
    "forget.testing": None,
}
"""The modules that plugins use, and what of them; None for all that ``__all__`` has."""

_SECTION = re.compile(
    r"^(Args|Attributes|Raises|Returns|Yields):\n((?: {4}.*\n|\n)+)", re.MULTILINE
)
_ITEM = re.compile(r"^(\S[^:\n]*): ((?:.*)(?:\n {4}.*)*)", re.MULTILINE)
_CODE = re.compile(r"^\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", re.MULTILINE)

_HEADER = f"""\
# Reference: the plugin API

<!-- begins with: tests of its own -->

Version {API_VERSION}. Everything here is public: [stability](../explanation/stability.md) says
what that promises, and [writing a plugin](../how-to/writing-a-plugin.md) how it is used. What
plugins raise is under [errors](errors.md); [settings](settings.md) explains those of training.

This page is written by `make reference` from the code, its docstrings included.
"""


class Doc(NamedTuple):
    """A docstring taken apart: running text, and the items of its sections by name."""

    text: str
    items: dict[str, dict[str, str]]


class _Bare:
    """An annotation that is shown as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def entries() -> Iterator[tuple[str, str, Any]]:
    """Yield module, name and object of all that is public."""
    for module_name, chosen in PUBLIC.items():
        module = import_module(module_name)
        for name in chosen or module.__all__:
            yield module_name, name, getattr(module, name)


def page() -> str:
    """Return the whole page."""
    parts = [_HEADER, _contents()]
    last = ""
    for module_name, name, value in entries():
        if module_name != last:
            summary = inspect.getdoc(import_module(module_name)) or ""
            parts.append(f"## {module_name}\n\n{_prose(summary.partition(chr(10))[0])}\n")
            last = module_name
        parts.append(f"### `{name}`\n\n{_entry(import_module(module_name), name, value)}")
    return "\n".join(parts)


def _contents() -> str:
    rows: dict[str, list[str]] = {}
    for module_name, name, _ in entries():
        rows.setdefault(module_name, []).append(f"[`{name}`](#{name.lower()})")
    named = [[f"`{module}`", ", ".join(names)] for module, names in rows.items()]
    return markdown(["module", "names"], named)


def _entry(module: ModuleType, name: str, value: Any) -> str:
    if inspect.isclass(value):
        return _class(value)
    if inspect.isfunction(value):
        return _function(name, value)
    # With the quotes of a formatter, which may look into Markdown too.
    shown = f"{name} = {value!r}".replace("'", '"') if isinstance(value, str | tuple) else name
    return f"{_block(shown)}\n{_prose(_constants(module).get(name, ''))}\n"


def _class(cls: type) -> str:
    doc = _doc(cls)
    bases = getattr(cls, "__orig_bases__", cls.__bases__)  # NamedTuple and TypedDict leave no trace
    bases = [base.__name__ for base in bases if base is not object]
    own = f"({', '.join(bases)})" if bases else ""
    parts = [_block(f"class {cls.__name__}{own}"), f"{doc.text}\n"]
    fields = _fields(cls, doc)
    if fields:
        heading = ["field", "type", "default", "meaning"]
        parts.append(markdown(heading, [[f"`{f[0]}`", *f[1:]] for f in fields]))
    members = {key: member for key, member in vars(cls).items() if _is_shown(key, member)}
    if not fields and "__init__" in vars(cls) and Protocol not in cls.__bases__:
        parts.insert(1, _block(_signature(cls.__name__, cls)))
    for key, member in members.items():
        parts.append(_member(key, member))
    return "\n".join(parts)


def _is_shown(key: str, member: Any) -> bool:
    public = key == "__call__" or (key[0] != "_" and not key.startswith("test_"))
    return public and (isinstance(member, property) or inspect.isfunction(member))


def _member(name: str, member: Any) -> str:
    if isinstance(member, property):
        returns = _annotation(inspect.signature(member.fget).return_annotation)  # type: ignore[arg-type]
        return f"{_block(f'{name}: {returns}')}\n{_doc(member).text}\n"
    return _function(name, member)


def _function(name: str, function: Any) -> str:
    doc = _doc(function)
    parts = [_block(_signature(name, function)), f"{doc.text}\n"]
    for section in ("Args", "Raises"):
        rows = [[f"`{key}`", text] for key, text in doc.items.get(section, {}).items()]
        if rows:
            parts.append(markdown([{"Args": "argument", "Raises": "raises"}[section], ""], rows))
    return "\n".join(parts)


def _fields(cls: type, doc: Doc) -> list[list[str]]:
    """Return name, type, default and meaning of every field that a class does not inherit."""
    meant = doc.items.get("Attributes", {})
    if attrs.has(cls):
        return [
            [
                f.name,
                f"`{_annotation(f.type)}`",
                _default(f.default) if f.init else "",
                _meaning(f, meant),
            ]
            for f in attrs.fields(cls)
            if f.name[0] != "_" and not f.inherited
        ]
    # A named tuple has a descriptor where other classes have a default.
    defaults = getattr(cls, "_field_defaults", vars(cls))
    return [
        [
            key,
            f"`{_annotation(hint)}`",
            _default(defaults.get(key, attrs.NOTHING)),
            meant.get(key, ""),
        ]
        for key, hint in vars(cls).get("__annotations__", {}).items()
    ]


def _meaning(field: Any, meant: dict[str, str]) -> str:
    return str(meant.get(field.name) or _prose(field.metadata.get("help", "")))


def _default(value: Any) -> str:
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        if value.takes_self:
            return "from other fields"
        value = value.factory()
    if inspect.isfunction(value):
        return "does nothing"
    if type(value).__repr__ is object.__repr__:  # which has an address
        return f"`{type(value).__name__}()`"
    return f"`{value!r}`"


def _annotation(hint: Any) -> str:
    text = getattr(hint, "__forward_arg__", hint)
    return text if isinstance(text, str) else inspect.formatannotation(text)


def _signature(name: str, function: Any) -> str:
    """Return a signature as `inspect.signature` gives it, annotations without quotes."""
    found = inspect.signature(function)
    bare = [
        p if p.annotation is p.empty else p.replace(annotation=_Bare(_annotation(p.annotation)))
        for p in found.parameters.values()
        if p.name != "self"
    ]
    returns = found.return_annotation
    if returns is not found.empty and not inspect.isclass(function):
        returns = _Bare(_annotation(returns))
    else:
        returns = found.empty
    return f"{name}{found.replace(parameters=bare, return_annotation=returns)}"


def _doc(value: Any) -> Doc:
    text = f"{inspect.cleandoc(value.__doc__ or '')}\n"
    items = {
        match[1]: {
            key.strip("*"): _prose(" ".join(meaning.split()))
            for key, meaning in _ITEM.findall(inspect.cleandoc(match[2]))
        }
        for match in _SECTION.finditer(text)
    }
    return Doc(_prose(_SECTION.sub("", text)).strip(), items)


def _prose(text: str) -> str:
    """Write a docstring's text as Markdown."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return _CODE.sub(lambda m: f"```python\n{inspect.cleandoc(m[1])}\n```\n", text)


def _constants(module: ModuleType) -> dict[str, str]:
    """Return the docstrings that stand below assignments of a module."""
    body = ast.parse(inspect.getsource(module)).body
    return {
        one.targets[0].id: inspect.cleandoc(other.value.value)
        for one, other in pairwise(body)
        if isinstance(one, ast.Assign)
        and isinstance(one.targets[0], ast.Name)
        and isinstance(other, ast.Expr)
        and isinstance(other.value, ast.Constant)
        and isinstance(other.value.value, str)
    }


def _block(text: str) -> str:
    return f"```python\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
