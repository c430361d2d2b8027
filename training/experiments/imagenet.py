"""Pretraining on ImageNet's classes (ILSVRC2012).

Command: musiq-train run --experiment imagenet --data data/imagenet --output runs/i1k
Expected: 93,836 steps. Not run here.

The paper: 300 epochs, batches of 4096, Adam (0.9, 0.999), weight decay 0.1, cosine from
1e-3, 512 tokens, random crops without resizing, RandAugment and mixup. It names no
warm-up, no clipping and no values of RandAugment and mixup: those are of the recipe for
ViT that agrees with the paper in everything else ("How to train your ViT?",
arXiv:2106.10270; google-research/scenic, imagenet_augreg_vit_config). The smallest crop
is a choice of ours.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from musiq_core.config import published_config
from training.examples.input_config import InputConfig
from training.experiments.experiment import Experiment
from training.learning.optimizer import OptimizerConfig

EXPERIMENT = Experiment(
    name="imagenet",
    purpose="pretraining on ImageNet's 1000 classes",
    model=published_config(output_count=1000),
    input=InputConfig(
        max_native_tokens=512,
        crop_min_area=0.25,
        randaugment_ops=2,
        randaugment_magnitude=15.0,
        mixup_alpha=0.5,
    ),
    loss="cross_entropy",
    optimizer=OptimizerConfig(
        name="adamw",
        learning_rate=1e-3,
        warmup_steps=10_000,
        weight_decay=0.1,
        b1=0.9,
        b2=0.999,
        clip_norm=1.0,
    ),
    batch_size=4096,
    epochs=300,
)
