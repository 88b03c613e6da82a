"""`reportd completion`: the script that lets a shell complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_REPORTD_COMPLETE"
"""What click, when the shell asks, finds the question in; made of the program's name."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print what makes SHELL complete `reportd`.

    \b
    bash  reportd completion bash > ~/.local/share/bash-completion/completions/reportd
    zsh   reportd completion zsh > a file named _reportd in a directory of $fpath
    fish  reportd completion fish > ~/.config/fish/completions/reportd.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    maker = kind(context.find_root().command, {}, "reportd", _VARIABLE)
    # Not source(): for bash that starts one to ask for its version.
    click.echo(maker.source_template % maker.source_vars())
