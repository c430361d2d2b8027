"""The flags of `musiq models`; light, so that help answers at once."""

from pipelines.models.config import ImportConfig, InspectConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program


def _import(config: ImportConfig, _: EngineArguments) -> int:
    from pipelines.models import command

    return command.import_checkpoint(config)


def _inspect(config: InspectConfig, _: EngineArguments) -> int:
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
