"""The flags of `musiq models`; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """What was asked of `musiq models import`.

    Attributes:
      file: The published checkpoint.
      dataset: The data set that it was fine-tuned on.
      output: The model file to write.
    """

    file: str
    dataset: str
    output: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class InspectConfig:
    """What was asked of `musiq models inspect`.

    Attributes:
      file: The model file, by any name that `musiq score --model` takes.
      json: Whether the answer is JSON.
    """

    file: str
    json: bool = False


def _import(config: ImportConfig, _: list[str]) -> int:
    from pipelines.models import command

    return command.import_checkpoint(config)


def _inspect(config: InspectConfig, _: list[str]) -> int:
    from pipelines.models import command

    return command.inspect(config)


MODELS = (
    Program(
        name="models import",
        help="turn a published .npz checkpoint into a model file",
        description="Turn a published .npz checkpoint into a .safetensors model file "
        "with a model card.",
        epilog="Example: musiq models import koniq_ckpt.npz --dataset koniq "
        "--output koniq.safetensors",
        settings=ImportConfig,
        run=_import,
        flags=(
            Flag("file", "the published checkpoint", "FILE.npz", is_positional=True),
            Flag(
                "dataset",
                "the data set it was fine-tuned on: ava, koniq, paq2piq or spaq; it "
                "decides the score's range and the model's name",
                "NAME",
            ),
            Flag("output", "the .safetensors to write", "FILE"),
        ),
    ),
    Program(
        name="models inspect",
        help="verify a model file and print its card",
        description="Verify a model file and print its card and digest.",
        epilog="Example: musiq models inspect koniq.safetensors",
        settings=InspectConfig,
        run=_inspect,
        flags=(
            Flag(
                "file",
                "a .safetensors model file, FOLDER@latest or FOLDER@VERSION, or "
                "`builtin`",
                "FILE",
                is_positional=True,
            ),
            Flag("json", "print JSON instead of a table"),
        ),
    ),
)
