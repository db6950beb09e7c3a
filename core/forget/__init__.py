"""forget: what a fine-tuned model lost, how sure one can be, and which training loses least."""

from typing import TYPE_CHECKING

__all__ = ["__version__"]

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    """Look the version up when asked for: reading package metadata costs a start-up 40 ms."""
    if name != "__version__":
        raise AttributeError(f"module 'forget' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("forget-llm")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
