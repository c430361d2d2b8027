"""A command line and a configuration file give a program its settings."""

import dataclasses
from typing import Literal

import pytest

from schemas.errors import UsageError
from schemas.programs.command_line import build_parser, run_command
from schemas.programs.flags import Flag
from schemas.programs.program import Program


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bread:
    """A program's settings."""

    grain: str
    seed: tuple[str, ...] = ()
    minutes: int = 40
    salt: float | None = 1.5
    crust: Literal["thin", "thick"] = "thin"
    is_sliced: bool = False
    range: tuple[float, float] | None = None

    def __post_init__(self):
        if self.minutes < 1:
            raise ValueError(f"minutes must be positive, got {self.minutes}")


FLAGS = (
    Flag("grain", "what is milled", "GRAIN"),
    Flag("seed", "on top; may be repeated", "SEED"),
    Flag("minutes", "in the oven", "N"),
    Flag("salt", "in 100 parts", "PARTS"),
    Flag("crust", "its crust"),
    Flag("is_sliced", "cut it, by 5 %"),
    Flag("range", "weights", ("LOW", "HIGH")),
)


@pytest.fixture
def bake():
    """Runs `baker bake`; returns its exit code and what the program was given."""
    got = []

    def program(**changes):
        return Program(
            name="bake",
            help="bake",
            description="Bake.",
            epilog="Example: baker bake --grain rye",
            settings=Bread,
            flags=FLAGS,
            run=lambda settings, engine: got.append((settings, engine)) or 0,
            **changes,
        )

    def run(*arguments: str, **changes):
        got.clear()
        programs = [program(**changes)]
        parser = build_parser("baker", "Bakes.", "", programs)
        code = run_command(parser, ["bake", *arguments])
        return code, got[0] if got else None

    return run


def settings_of(outcome) -> Bread:
    code, (settings, engine) = outcome
    assert (code, engine.words) == (0, ())
    return settings


def refusal_of(bake, capsys, *arguments: str, **changes) -> str:
    """The one line on stderr; the exit code is 2, by return or by exit."""
    try:
        code, got = bake(*arguments, **changes)
    except SystemExit as end:
        code, got = end.code, None
    assert (code, got) == (2, None)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("baker bake: error: ")
    return line


def test_defaults_are_those_of_the_dataclass(bake):
    assert settings_of(bake("--grain=rye")) == Bread(grain="rye")


def test_flags_become_values_of_the_fields_types(bake):
    told = ["--grain", "rye", "--seed=flax", "--seed", "poppy", "--minutes=50"]
    told += ["--salt=2", "--crust=thick", "--is-sliced", "--range", "1", "2.5"]
    assert settings_of(bake(*told)) == Bread(
        grain="rye",
        seed=("flax", "poppy"),
        minutes=50,
        salt=2.0,
        crust="thick",
        is_sliced=True,
        range=(1.0, 2.5),
    )


def test_help_tells_the_defaults_and_the_choices(bake, capsys):
    with pytest.raises(SystemExit):
        bake("--help")
    out = " ".join(capsys.readouterr().out.split())
    assert "--minutes N in the oven (default: 40)" in out
    assert "--salt PARTS in 100 parts (default: 1.5)" in out
    assert "--crust {thin,thick}" in out
    assert "by 5 %" in out
    assert "Example: baker bake" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --grain"),
        (["--grain=rye", "--minutes=long"], "must be a whole number, got 'long'"),
        (["--grain=rye", "--minutes=0"], "minutes must be positive, got 0"),
        (["--grain=rye", "--crust=burnt"], "invalid choice: 'burnt'"),
        (["--grain=rye", "--grain=oat"], "--grain is given twice"),
        (["--grain=rye", "--is_sliced", "--is_sliced"], "--is_sliced is given twice"),
        (["--grain=rye", "--minuts=3"], "--minuts, did you mean --minutes?"),
        (["--gra=rye"], "unknown flag --gra"),
        (["--grain=rye", "now"], "unexpected argument 'now'"),
    ],
)
def test_a_mistake_is_one_line(bake, capsys, arguments, message):
    assert message in refusal_of(bake, capsys, *arguments)


def test_what_a_program_raises_for_its_user_is_one_line(capsys):
    def fail(settings, rest):
        raise UsageError("no oven\nhere")

    program = Program(
        name="bake", help="", description="", epilog="", settings=Bread,
        flags=FLAGS, run=fail,
    )  # fmt: skip
    parser = build_parser("baker", "", "", [program])
    assert run_command(parser, ["bake", "--grain=rye"]) == 2
    assert capsys.readouterr().err == "baker bake: error: no oven\\nhere\n"


def test_a_configuration_has_the_flags_names_and_flags_win(bake, tmp_path):
    file = tmp_path / "bake.toml"
    file.write_text(
        'grain = "rye"\nseed = ["flax", "poppy"]\nminutes = 50\nsalt = 2\n'
        'crust = "thick"\nis_sliced = true\nrange = [1, 2.5]\n'
    )
    expected = Bread(
        grain="rye",
        seed=("flax", "poppy"),
        minutes=50,
        salt=2.0,
        crust="thick",
        is_sliced=True,
        range=(1.0, 2.5),
    )
    assert settings_of(bake(f"--config={file}")) == expected
    changed = settings_of(bake(f"--config={file}", "--minutes=60", "--seed=oat"))
    assert changed == dataclasses.replace(expected, minutes=60, seed=("oat",))
    file.write_text('grain = "rye"\nseed = "flax"\n')
    assert settings_of(bake("--config", str(file))).seed == ("flax",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minuts = 3", "bake has no setting 'minuts', did you mean minutes?"),
        ('minutes = "3"', "minutes must be a whole number, got '3'"),
        ("minutes = 3.5", "minutes must be a whole number, got 3.5"),
        ("minutes = true", "minutes must be a whole number, got True"),
        ("is_sliced = 1", "is_sliced must be true or false, got 1"),
        ("seed = [1]", "seed must be text, got 1"),
        ('crust = "burnt"', "crust must be one of thin, thick, got 'burnt'"),
        ("range = [1]", "range must be 2 times a number, got [1]"),
        ("minutes = 3\nminutes = 4", "is no TOML: Cannot overwrite a value"),
        ("grain", "is no TOML"),
        ("[beam]\nrunner = 'x'", "bake has no setting 'beam'"),
    ],
)
def test_a_wrong_configuration_is_one_line_that_names_it(
    bake, capsys, tmp_path, text, message
):
    file = tmp_path / "bake.toml"
    file.write_text(text)
    line = refusal_of(bake, capsys, "--grain=rye", f"--config={file}")
    assert f"--config {file}: {message}" in line


def test_a_configuration_that_is_none_is_one_line(bake, capsys, tmp_path):
    line = refusal_of(bake, capsys, f"--config={tmp_path}/no.toml")
    assert "no.toml: cannot be read: No such file" in line
    line = refusal_of(bake, capsys, f"--config={tmp_path}")
    assert "must be the name of a .toml file" in line


def test_what_the_file_leaves_open_is_still_required(bake, capsys, tmp_path):
    file = tmp_path / "bake.toml"
    file.write_text("minutes = 3")
    assert "required: --grain" in refusal_of(bake, capsys, f"--config={file}")


def test_the_engines_options_are_a_table_of_their_own(bake, capsys, tmp_path):
    file = tmp_path / "bake.toml"
    file.write_text(
        'grain = "rye"\n[beam]\nrunner = "PrismRunner"\nlabels = ["a=b", "c=d"]\n'
        "streaming = false\nsave_main_session = true\n"
    )
    code, (_, engine) = bake(
        f"--config={file}", "--runner=FlinkRunner", takes_engine_options=True
    )
    assert code == 0
    assert list(engine.words) == [
        *("--labels=a=b", "--labels=c=d", "--save_main_session"),
        "--runner=FlinkRunner",
    ]
    file.write_text('beam = "PrismRunner"')
    line = refusal_of(
        bake, capsys, "--grain=x", f"--config={file}", takes_engine_options=True
    )
    assert "beam must be a table" in line


def test_an_earlier_output_is_a_configuration(bake):
    remembered = {"grain": "rye", "minutes": 5}
    outcome = bake("--config=loaf/", "--minutes=6", recall=lambda _: remembered)
    assert settings_of(outcome) == Bread(grain="rye", minutes=6)
