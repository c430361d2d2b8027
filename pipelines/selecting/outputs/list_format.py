"""The forms that a list of photos can have, by the ending of its name."""

import enum
import os

from schemas.errors import UsageError


class ListFormat(enum.Enum):
    """A form of list; the value is how names of such files end."""

    PARQUET = ".parquet"
    CSV = ".csv"
    URI_LIST = ".txt"
    JSON_LINES = ".jsonl"
    HUGGING_FACE = "metadata.jsonl"
    UIDS = ".npy"
    WEBDATASET = ".json"

    @classmethod
    def of(cls, uri: str) -> "ListFormat":
        """Return the form that a file's name asks for.

        Raises:
          UsageError: If none has such an ending.
        """
        name = uri[uri.rfind("/") + 1 :].lower()
        if name == cls.HUGGING_FACE.value:
            return cls.HUGGING_FACE
        ending = os.path.splitext(name)[1]
        for one in cls:
            if ending == one.value:
                return one
        known = ", ".join(one.value for one in cls)
        raise UsageError(
            f"--output {uri}: which form has it? Let its name end in one of {known}"
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that rows must have to be written so."""
        match self:
            case ListFormat.URI_LIST | ListFormat.WEBDATASET:
                return ("uri",)
            case ListFormat.HUGGING_FACE:
                return ("uri", "key")
            case ListFormat.UIDS:
                return ("uid",)
            case _:
                return ()
