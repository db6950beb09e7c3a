"""forget: what a fine-tuned model lost, how sure one can be, and which training loses least."""

from typing import TYPE_CHECKING, Any

__all__ = ["__version__", "load_results"]

if TYPE_CHECKING:
    from forget.verdict.results import load_results

    __version__: str


def __getattr__(name: str) -> Any:
    """Look a name up when asked for: what is behind it would cost every start-up."""
    if name == "load_results":
        from forget.verdict.results import load_results

        return load_results
    if name != "__version__":
        raise AttributeError(f"module 'forget' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("forget-llm")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
