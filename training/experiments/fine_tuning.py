"""What the fine-tuning experiments share.

The paper: SGD with momentum, cosine, no resize, no crop, half of the images mirrored,
512 tokens. It names no momentum: 0.9 is usual, and the sizes of the published
checkpoints tell that it is kept in bfloat16. No weight decay, no clipping and, but for
AVA, no warm-up: the paper names none, and gradients of the absolute error clipped to 1
could not move a prediction from 0 to a usual score of 60 within these few steps.

Labels are the raw scores. With scores of 0..1 the learning rates would be 100 times too
small.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from musiq_core.config import published_config
from training.examples.input_config import InputConfig
from training.experiments.experiment import Experiment
from training.learning.optimizer import OptimizerConfig

INIT = "imagenet_pretrain.npz"


def fine_tuning(
    name: str,
    purpose: str,
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    loss: str = "absolute_error",
    output_count: int = 1,
    warmup_steps: int = 0,
) -> Experiment:
    """Return a fine-tuning with the values that differ between data sets."""
    return Experiment(
        name=name,
        purpose=purpose,
        model=published_config(output_count=output_count),
        input=InputConfig(max_native_tokens=512, flip=True),
        loss=loss,
        optimizer=OptimizerConfig(
            name="sgd",
            learning_rate=learning_rate,
            warmup_steps=warmup_steps,
            b1=0.9,
            momentum_dtype="bfloat16",
        ),
        batch_size=batch_size,
        epochs=epochs,
        init=INIT,
    )
