"""ImageNet (ILSVRC2012): raw tars, or the TFRecords of TensorFlow Datasets."""

from pipelines.preparing.datasets.data_set import DataSet

DATA_SET = DataSet(
    title="ImageNet (ILSVRC2012)",
    licence="for non-commercial research and education, see image-net.org",
    expects="ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar, "
    "ILSVRC2012_devkit_t12.tar.gz; or imagenet2012-*.tfrecord-* with label.labels.txt",
    splits=("train", "validation"),
)
