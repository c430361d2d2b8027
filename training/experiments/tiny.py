"""A test of the whole way in minutes on a laptop; its model is good for nothing.

Command: musiq-train run --experiment tiny --data data/koniq --output runs/tiny
"""

from musiq_core.config import ModelConfig, PreprocessingConfig
from training.examples.input_config import InputConfig
from training.experiments.experiment import Experiment
from training.learning.optimizer import OptimizerConfig

EXPERIMENT = Experiment(
    name="tiny",
    purpose="a test of the whole way",
    model=ModelConfig(
        preprocessing=PreprocessingConfig(scales=(32,), patch_size=16),
        stem_width=4,
        patch_features=8,
        group_count=2,
        hidden_size=32,
        layer_count=1,
        head_count=2,
        mlp_size=32,
    ),
    input=InputConfig(max_native_tokens=16),
    loss="absolute_error",
    optimizer=OptimizerConfig(
        name="adamw", learning_rate=1e-3, weight_decay=0.1, clip_norm=1.0
    ),
    batch_size=8,
    epochs=2,
    ema_decay=0.99,
)
