"""Decoding in killable children: a hostile file costs one row, never a worker."""

from pipelines.decoding.decoder import DEFAULT_LIMITS, Decoder, DecoderLimits

__all__ = ["DEFAULT_LIMITS", "Decoder", "DecoderLimits"]
