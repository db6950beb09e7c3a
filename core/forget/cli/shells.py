"""Completion in a shell, by click: the variable that asks for it, and bash's ways with words."""

from __future__ import annotations

from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
)

__all__ = ["SHELLS", "VARIABLE", "script", "use_our_bash"]

VARIABLE = "_FORGET_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

_ADDED = "COMPREPLY+=($value)"
_ADDED_WHOLE = r"""[[ $value == *= ]] && compopt -o nospace
            if [[ $value == *[[:space:]]* && ${COMP_WORDS[COMP_CWORD]} != [\"\']* ]]; then
                value=$(printf %%q "$value")
            fi
            COMPREPLY+=("$value")"""
"""Blanks are part of a name; none follows a setting, whose value is yet to be typed."""


class Bash(BashComplete):
    """Puts together what bash takes apart: ``lr=1e-5`` and ``RUN:step-000010`` are three words.

    Of an offer it then wants what follows the last of these signs.
    """

    source_template = BashComplete.source_template.replace(_ADDED, _ADDED_WHOLE)
    _taken = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and this one as far as it is."""
        before, typed = super().get_completion_args()
        words: list[str] = []
        joined = False
        for word in (*before, typed):
            if words and (joined or word in ("=", ":")):
                words[-1] += word
            else:
                words.append(word)
            joined = word in ("=", ":")
        *before, typed = words
        self._taken = typed[: max(typed.rfind("="), typed.rfind(":")) + 1]
        return before, typed

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return the line for an offer."""
        item.value = str(item.value).removeprefix(self._taken)
        return super().format_completion(item)


def use_our_bash() -> None:
    """Have click answer bash by `Bash`."""
    add_completion_class(Bash)


def script(shell: str) -> str:
    """Return what a shell has to read, once, so that it completes our commands.

    Args:
        shell: One of `SHELLS`.
    """
    from forget.cli import group

    use_our_bash()
    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(group, {}, "forget", VARIABLE)
    # Not `source()`: of bash that starts one to see how old it is.
    return complete.source_template % complete.source_vars()
