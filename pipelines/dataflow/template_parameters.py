"""The parameters of the Flex Template: the arguments of `musiq score`, as text.

A template's parameter is one text. A repeated argument is written as a JSON list
(`["gs://a/", "gs://b/"]`), a flag as `true` or `false`.
"""

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence

from pipelines.cli import build_parser

# They say how the command behaves on the machine that it is typed on.
LOCAL_ONLY = frozenset({"help", "json", "workers"})

_URI = r"(gs|s3)://[a-z0-9].+"
_LIST = r"\[\s*\"[^\"]+\"(\s*,\s*\"[^\"]+\")*\s*\]"
_REGEXES = {
    "input": rf"^({_URI}|{_LIST})$",
    "output": rf"^{_URI}$",
    "model": rf"^(([A-Za-z0-9_-]+=)?({_URI}|builtin)|{_LIST})$",
    "uri_column": r"^.+$",
    "image_column": r"^.+$",
    "allow_bucket": rf"^((gs|s3)://[^/\s]+/?|{_LIST})$",
    "max_failure_rate": r"^(0(\.[0-9]+)?|1(\.0+)?)$",
}
_NUMBERS = {
    "positive int": r"^[1-9][0-9]*$",
    "positive float": r"^[0-9]*\.?[0-9]*[1-9][0-9]*\.?[0-9]*$",
}
_BOOLEAN = r"^(true|false)$"
# Beam's options that a launch sets; the launch's environment has the others.
_BEAM_OPTIONS = {
    "max_num_workers": (
        "Most workers that autoscaling may start (default: 20, with device=gpu 5)",
        r"^[1-9][0-9]*$",
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
    """Return the parameters that are arguments of `musiq score`, in its order."""
    return tuple(map(_parameter, _actions()))


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
    actions = {_name(action): action for action in _actions()}
    arguments = []
    for argument in launched:
        flag, equals, value = argument.partition("=")
        action = actions.get(flag.removeprefix("--").replace("-", "_"))
        if action is None or not equals:
            arguments.append(argument)
        elif isinstance(action, argparse._StoreTrueAction):
            if not re.fullmatch(_BOOLEAN, value):
                raise ValueError(f"{flag} is true or false, got {value!r}")
            arguments += [flag] if value == "true" else []
        elif isinstance(action, argparse._AppendAction) and value.startswith("["):
            arguments += [f"{flag}={one}" for one in _read_list(flag, value)]
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


def _actions() -> list[argparse.Action]:
    programs = next(
        action.choices
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return [a for a in programs["score"]._actions if _name(a) not in LOCAL_ONLY]


def _name(action: argparse.Action) -> str:
    return next(o for o in action.option_strings if o.startswith("--"))[2:]


def _parameter(action: argparse.Action) -> TemplateParameter:
    name = _name(action)
    help_text = re.sub(r"\s+", " ", action.help or "")
    if isinstance(action, argparse._AppendAction):
        help_text += ' (several as a JSON list: ["...", "..."])'
    return TemplateParameter(
        name=name,
        help_text=help_text[0].upper() + help_text[1:],
        regex=_regex(name, action),
        param_type="BOOLEAN"
        if isinstance(action, argparse._StoreTrueAction)
        else "TEXT",
        is_optional=not action.required,
    )


def _regex(name: str, action: argparse.Action) -> str:
    if isinstance(action, argparse._StoreTrueAction):
        return _BOOLEAN
    if action.choices:
        return f"^({'|'.join(action.choices)})$"
    kind = getattr(action.type, "__name__", "")
    return _REGEXES[name] if name in _REGEXES else _NUMBERS[kind]
