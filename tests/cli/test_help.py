"""`--help` teaches: every command says what it does with an example, every option what it is for."""

from collections.abc import Iterator

import click
import pytest

from runner.cli.main import COMMANDS, SECTIONS, lorarun, main
from runner.errors import ExitCode


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        yield f"{name} {each}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")


ALL = dict(commands(lorarun, "lorarun"))


@pytest.mark.parametrize("name", [n for n, c in ALL.items() if not isinstance(c, click.Group)])
def test_a_command_shows_how_it_is_called(name):
    lines = [line.strip() for line in (ALL[name].help or "").splitlines()]
    assert [line for line in lines if line.startswith(name) or (name == "lorarun completion" and name in line)]


@pytest.mark.parametrize("name", ALL)
def test_every_option_says_what_it_is_for(name):
    options = [p for p in ALL[name].params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help] == []


@pytest.mark.parametrize("name", ALL)
def test_the_line_in_the_list_of_commands_is_whole(name):
    assert not ALL[name].get_short_help_str(200).endswith("...")


def test_the_list_of_commands_has_each_once():
    placed = [name for names in SECTIONS.values() for name in names]
    assert sorted(placed) == sorted(set(placed))
    assert set(placed) <= set(COMMANDS)


def test_a_misspelt_command_is_a_usage_error_with_the_nearest(capsys):
    assert main(["aply", "specs/demo.yaml"]) == ExitCode.USAGE
    assert "no command `aply`; did you mean `apply`?" in capsys.readouterr().err
    assert main(["한글"]) == ExitCode.USAGE
    assert "no command `한글`\n" in capsys.readouterr().err


def test_help_groups_the_commands_and_tells_the_exit_codes(capsys):
    assert main(["--help"]) == ExitCode.SUCCESS
    out = capsys.readouterr().out
    assert all(f"\n{title}:\n" in out for title in SECTIONS)
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert "6 FAIL" in out
