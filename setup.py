"""The package list, extras and console commands of musiq.

Dataflow workers build the package from this file, so it stays a plain setup.py.
"""

from setuptools import find_packages, setup

PACKAGES = ("schemas", "musiq_core", "pipelines", "training")
STORES = {
    "gcp": ["google-cloud-storage>=3"],
    "aws": ["boto3[crt]>=1.40"],
}
# What Beam's own gcp extra has besides is for stores and services that are not used.
DATAFLOW = [
    *STORES["gcp"],
    "google-auth-httplib2>=0.2,<0.3",
    "google-cloud-dataflow-client>=0.13,<0.14",
]
# Formats whose decoders not everybody may or wants to install. The wheel of pi-heif
# (BSD-3-Clause) bundles libheif and libde265 (LGPL-3.0); that of imagecodecs
# (BSD-3-Clause, 26 MB) libjxl (BSD-3-Clause), other codecs under permissive licences,
# and GCC's libgomp (GPL with its exception). Of what else there is, pillow-jxl-plugin
# is GPL, and so is x265 in pillow-heif.
FORMATS = {
    "heif": ["pi-heif>=1.4,<2"],
    "jxl": ["imagecodecs>=2026.3"],
}
PREPARE = ["array-record>=0.8", "openpyxl>=3.1"]
TRAIN = [
    "array-record>=0.8",
    "etils[epath]>=1.12",
    "optax>=0.2.8",
    "orbax-checkpoint>=0.12",
    "tensorboard>=2.20",
    "tensorflow-cpu>=2.21",
]
TEST_TOOLS = [
    "basedpyright",
    "beartype",
    "flask",
    "flask-cors",
    "gcp-storage-emulator",
    "hypothesis",
    "moto[s3]>=5.2",
    "opencv-python-headless",
    "pandas",
    "pdqhash",
    "psutil",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "python-hcl2>=8",
    "ruff",
    "scikit-image",
    "uv",
]

setup(
    name="musiq",
    version="0.1.0",
    description="Score photos for perceptual quality with MUSIQ, in Apache Beam jobs.",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(
        include=[f"{name}{rest}" for name in PACKAGES for rest in ("", ".*")]
    ),
    package_data={
        "musiq_core.model_files": ["builtin.safetensors"],
        "schemas": ["*.schema.json"],
    },
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "duckdb>=2.0,<3",
        "filelock>=3.20",
        "flax>=0.12",
        "google-crc32c>=1.7",
        "jax>=0.10",
        "jaxtyping>=0.3",
        "numpy>=2",
        "pillow>=12.1",
        "pyarrow>=20",
        "rich>=14",
        "safetensors>=0.6",
        "scipy>=1.17",
        "simplejpeg>=1.9",
    ],
    extras_require={
        **STORES,
        **FORMATS,
        "dataflow": DATAFLOW,
        "prepare": PREPARE,
        "train": TRAIN,
        "dev": [
            *DATAFLOW,
            *STORES["aws"],
            *FORMATS["heif"],
            *FORMATS["jxl"],
            *PREPARE,
            *TRAIN,
            *TEST_TOOLS,
        ],
    },
    entry_points={
        "console_scripts": [
            "musiq = pipelines.cli:main",
            "musiq-train = training.cli:main",
        ]
    },
)
