"""The three stages of the built-in model's training, in figures."""

import dataclasses

from training.builtin.batches import BatchConfig, kind_count
from training.builtin.graded_model import CONFIG, GradedTask
from training.learning.loop_config import LoopConfig
from training.learning.optimizer import Optimizer, OptimizerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
      name: Its folder.
      batches: What a batch holds.
      step_count: Steps.
      learning_rate: At its peak; it warms up, and falls to 0 as a cosine.
      help_weight: Weight of the helping heads at the start.
      opinions_weight: Weight of human opinions against graded photos.
    """

    name: str
    batches: BatchConfig
    step_count: int
    learning_rate: float
    help_weight: float
    opinions_weight: float

    @property
    def task(self) -> GradedTask:
        """What the stage learns."""
        return GradedTask(
            kind_count=kind_count(),
            help_weight=self.help_weight,
            help_until_step=self.step_count * 2 // 3,
            opinions_weight=self.opinions_weight,
        )

    @property
    def optimizer(self) -> Optimizer:
        """How it learns: AdamW with the values that the recipe found."""
        config = OptimizerConfig(
            name="adamw",
            learning_rate=self.learning_rate,
            weight_decay=0.05,
            b2=0.98,
            clip_norm=1.0,
            warmup_steps=200,
        )
        return config.build(self.step_count)

    @property
    def loop(self) -> LoopConfig:
        """How the run goes on."""
        return LoopConfig(
            step_count=self.step_count,
            seed=self.batches.seed,
            ema_decay=0.999,
            checkpoint_every_steps=500,
        )


STAGES = (
    Stage(
        name="graded",
        batches=BatchConfig(
            preprocessing=CONFIG.preprocessing,
            graded_groups=4,
            labelled_images=0,
            resized_tokens=12,
            native_tokens=20,
            uses=2,
            seed=1,
        ),
        step_count=9000,
        learning_rate=1e-3,
        help_weight=1.0,
        opinions_weight=0.0,
    ),
    Stage(
        name="opinions",
        batches=BatchConfig(
            preprocessing=CONFIG.preprocessing,
            graded_groups=2,
            labelled_images=12,
            resized_tokens=16,
            native_tokens=48,
            uses=4,
            seed=2,
            # People forgive a dark photo, so opinions wear its order away.
            favours=(("darken", 4),),
        ),
        step_count=8000,
        learning_rate=5e-4,
        help_weight=0.3,
        opinions_weight=1.5,
    ),
    Stage(
        name="order",
        batches=BatchConfig(
            preprocessing=CONFIG.preprocessing,
            graded_groups=4,
            labelled_images=12,
            resized_tokens=16,
            native_tokens=48,
            uses=4,
            seed=3,
            # What is worn away nevertheless is restored, at short steps.
            favours=(("darken", 12),),
        ),
        step_count=1600,
        learning_rate=2e-4,
        help_weight=0.0,
        opinions_weight=1.0,
    ),
)
