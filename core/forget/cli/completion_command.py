"""`forget completion`."""

from __future__ import annotations

import click

from forget.cli.shells import SHELLS

_EPILOG = """\b
Examples:
  forget completion bash
  forget completion zsh

\b
In the file that a shell reads at its start:
  bash, ~/.bashrc                                 eval "$(forget completion bash)"
  zsh, ~/.zshrc                                   eval "$(forget completion zsh)"
  fish, ~/.config/fish/completions/forget.fish    forget completion fish | source
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options and names.

    Names are methods, datasets, teachers, models, studies, benchmarks (several by commas), settings
    after --set with those values that are words, run directories and the checkpoints of one. What
    the forget.toml of the working folder and --registry bring is offered too.
    """
    from forget.cli.shells import script

    click.echo(script(shell))
