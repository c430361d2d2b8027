"""The parameters of the Flex Template: the flags of `musiq score`, as text.

A template's parameter is one text. A repeated argument is written as a JSON list
(`["gs://a/", "gs://b/"]`), a flag as `true` or `false`.
"""

import dataclasses
import json
import re
from collections.abc import Sequence

from pipelines.scoring.arguments import SCORE
from schemas.programs.flags import Flag, FlagType, flag_types, help_of

_WHOLE_NUMBER = r"^[1-9][0-9]*$"
_NUMBER = r"^[0-9]*\.?[0-9]*[1-9][0-9]*\.?[0-9]*$"
_TEXT = r"^.+$"
_BOOLEAN = r"^(true|false)$"
# Beam's options that a launch sets; the launch's environment has the others.
_BEAM_OPTIONS = {
    "max_num_workers": (
        "Most workers that autoscaling may start (default: 20, with device=gpu 5)",
        _WHOLE_NUMBER,
    ),
    "dataflow_service_options": (
        "An option of the service, such as another accelerator: "
        "worker_accelerator=type:nvidia-tesla-t4;count:1;install-nvidia-driver",
        r"^[a-z_]+(=.+)?$",
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TemplateParameter:
    """One parameter.

    Attributes:
      name: The flag without its hyphens.
      help_text: The argument's help.
      regex: What Dataflow lets through before it starts anything.
      param_type: Dataflow's kind of it.
      is_optional: Whether it may be left out.
    """

    name: str
    help_text: str
    regex: str
    param_type: str = "TEXT"
    is_optional: bool = True

    def to_metadata(self) -> dict[str, object]:
        """Return it as an entry of the template's metadata."""
        return {
            "name": self.name,
            "label": self.name.replace("_", " ").capitalize(),
            "helpText": self.help_text,
            "isOptional": self.is_optional,
            "paramType": self.param_type,
            "regexes": [self.regex],
        }


def score_parameters() -> tuple[TemplateParameter, ...]:
    """Return the parameters that are flags of `musiq score`, in its order.

    What says how the command behaves on the machine that it is typed on is left out.
    """
    return tuple(_parameter(flag, kind) for flag, kind in _flags().values())


def template_parameters() -> tuple[TemplateParameter, ...]:
    """Return all parameters: the arguments, then what Beam is told besides."""
    beam = (
        TemplateParameter(name=name, help_text=help_text, regex=regex)
        for name, (help_text, regex) in _BEAM_OPTIONS.items()
    )
    return (*score_parameters(), *beam)


def to_arguments(launched: Sequence[str]) -> list[str]:
    """Return the command line that a launcher's arguments mean.

    Args:
      launched: `--name=value` for each parameter, and options of Beam.

    Raises:
      ValueError: If a list or a flag is not written as one.
    """
    flags = _flags()
    arguments = []
    for argument in launched:
        name, equals, value = argument.partition("=")
        found = flags.get(name.removeprefix("--").replace("-", "_"))
        if found is None or not equals:
            arguments.append(argument)
            continue
        _, kind = found
        if kind.is_switch:
            if not re.fullmatch(_BOOLEAN, value):
                raise ValueError(f"{name} is true or false, got {value!r}")
            arguments += [name] if value == "true" else []
        elif kind.is_repeated and value.startswith("["):
            arguments += [f"{name}={one}" for one in _read_list(name, value)]
        else:
            arguments.append(argument)
    return arguments


def _read_list(flag: str, text: str) -> list[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{flag} is no JSON list: {error}") from error
    if not all(isinstance(one, str) for one in found):
        raise ValueError(f"{flag} is no list of texts: {text}")
    return found


def _flags() -> dict[str, tuple[Flag, FlagType]]:
    types = flag_types(SCORE.settings, SCORE.flags)
    return {f.name: (f, types[f.name]) for f in SCORE.flags if not f.is_local}


def _parameter(flag: Flag, kind: FlagType) -> TemplateParameter:
    text = help_of(flag, kind)
    if kind.is_repeated:
        text += ' (several as a JSON list: ["...", "..."])'
    return TemplateParameter(
        name=flag.name,
        help_text=text[0].upper() + text[1:],
        regex=flag.template_regex or _regex(kind),
        param_type="BOOLEAN" if kind.is_switch else "TEXT",
        is_optional=not kind.is_required,
    )


def _regex(kind: FlagType) -> str:
    if kind.is_switch:
        return _BOOLEAN
    if kind.choices:
        return f"^({'|'.join(kind.choices)})$"
    return {int: _WHOLE_NUMBER, float: _NUMBER}.get(kind.hint, _TEXT)
