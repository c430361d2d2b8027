"""What decoding one image may cost."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderLimits:
    """What one image may cost.

    Attributes:
      seconds: Wall time; an image that takes longer fails as `timeout`.
      memory_bytes: Address space of the child, the interpreter included.
    """

    seconds: float = 10.0
    memory_bytes: int = 3 * 2**29

    def __post_init__(self):
        if self.seconds <= 0:
            raise ValueError(f"seconds must be positive, got {self.seconds}")
        if self.memory_bytes < 2**29:
            raise ValueError(
                f"memory_bytes must be at least 2**29, got {self.memory_bytes}"
            )


DEFAULT_LIMITS = DecoderLimits()
