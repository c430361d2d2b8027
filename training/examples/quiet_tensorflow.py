"""TensorFlow as the training input uses it: on the CPU, and silent.

Everything takes `tf` from here, never from `tensorflow`: its log level must be set
before it is imported, and left alone it would claim the memory of every accelerator,
which is JAX's.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN's kernels give other last digits on other machines, and announce themselves.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf

for _kind in ("GPU", "TPU"):
    tf.config.set_visible_devices([], _kind)

__all__ = ["tf"]
