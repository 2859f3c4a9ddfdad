"""`lorarun completion`: the script that lets a shell complete commands, options and paths."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from runner.cli.main import lorarun

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_LORARUN_COMPLETE"  # with this set, `lorarun` answers the shell instead of running a command


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes lorarun's commands, options and paths in SHELL.

    \b
      bash   eval "$(lorarun completion bash)"                                     in ~/.bashrc
      zsh    eval "$(lorarun completion zsh)"                                      in ~/.zshrc, after compinit
      fish   lorarun completion fish > ~/.config/fish/completions/lorarun.fish     once
    """
    chosen = get_completion_class(shell)
    assert chosen is not None
    click.echo(chosen(lorarun, {}, "lorarun", VARIABLE).source())
