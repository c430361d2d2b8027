"""Tiny data sets in the layouts of the official releases, with made pictures."""

import io
import tarfile
from pathlib import Path

import numpy as np
import openpyxl
import scipy.io
from helpers.make_examples import serialized_example
from helpers.make_images import encoded, noise
from PIL import Image

from pipelines.records.tfrecord import write_record

WORDNET_IDS = ("n02119789", "n01440764", "n02105855")  # in the order of the devkit
VALIDATION_IDS = (2, 1, 3, 2)  # the devkit's numbers, one an image


def jpeg(seed: int = 0, *, height: int = 24, width: int = 32, **options) -> bytes:
    return encoded(noise(height, width, seed), "JPEG", **options)


def write_files(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
    return folder


def koniq_sets(folder: Path) -> Path:
    """Probabilities in c1..c5, MOS on 0..100, the column set."""
    lines = ["image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set"]
    sets = ["training"] * 4 + ["validation"] + ["test"] * 2
    for number, one in enumerate(sets):
        lines.append(f"{number}.jpg,0,0,0.25,0.5,0.25,100,{60 + number}.5,0.5,{one}")
    images = {f"1024x768/{number}.jpg": jpeg(number) for number in range(len(sets))}
    labels = {"koniq10k_distributions_sets.csv": "\n".join(lines) + "\n"}
    return write_files(folder, images | labels)


def koniq_scores(folder: Path) -> Path:
    """Counts in c1..c5, MOS on 1..5, MOS_zscore on 0..100."""
    lines = ['"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"']
    for number in range(7):
        lines.append(f'"{number}.jpg",0,0,25,50,25,100,4.0,0.5,{60 + number}.5')
    images = {f"1024x768/{number}.jpg": jpeg(number) for number in range(7)}
    labels = {"koniq10k_scores_and_distributions.csv": "\n".join(lines) + "\n"}
    return write_files(folder, images | labels)


FLIVE_IMAGES = {
    "voc_emotic_ava/AVA__1.jpg": "train",
    "voc_emotic_ava/EMOTIC__2.jpg": "validation",
    "blur_dataset/motion0003.jpg": "test",
    "EE371R/rq59.jpg": "train",
}


def flive(folder: Path) -> Path:
    names = list(FLIVE_IMAGES)
    patches = [
        f"patches/{name.rpartition('/')[2]}_patch_{number}.jpg"
        for name in names
        for number in (1, 2, 3)
    ]
    scores = [f"{name},{number}.25" for number, name in enumerate(names)]
    patch_scores = [f"{name},{50 + number}" for number, name in enumerate(patches)]
    test = [name for name, split in FLIVE_IMAGES.items() if split == "test"]
    padded = [
        f"70,{name},{split == 'validation'}"
        for name, split in FLIVE_IMAGES.items()
        if split != "test"
    ]
    return write_files(
        folder,
        {name: jpeg(seed) for seed, name in enumerate([*names, *patches])}
        | {
            "labels_image.csv": "\n".join(["name,mos", *scores]),
            "labels_patch.csv": "\n".join(["name,mos", *patch_scores]),
            "labels640.csv": "\n".join(
                ["mos_image,name_image", *(f"70,{name}" for name in test)]
            ),
            "labels=640_padded.csv": "\n".join(
                ["mos_image,name_image,is_valid", *padded]
            ),
        },
    )


def spaq(folder: Path, *, as_csv: bool = False) -> Path:
    rows = [("Image name", "MOS", "Brightness")]
    rows += [(f"{number:05d}.jpg", 40 + number, 50) for number in range(1, 6)]
    stem = "Annotations/MOS and Image attribute scores"
    if as_csv:
        lines = (",".join(map(str, row)) for row in rows)
        labels: dict[str, bytes | str] = {f"{stem}.csv": "\n".join(lines)}
    else:
        book, file = openpyxl.Workbook(), io.BytesIO()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(file)
        labels = {f"{stem}.xlsx": file.getvalue()}
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        f"TestImage/{number:05d}.jpg": jpeg(
            number, height=600, width=800, exif=exif.tobytes() if number == 1 else b""
        )
        for number in range(1, 6)
    }
    return write_files(folder, images | labels)


def ava(folder: Path) -> Path:
    """Ten images: one without a file, one broken, one CMYK, two for testing."""
    lines = [
        f"{index} {1000 + index} 0 1 5 17 38 36 15 6 5 {index} 1 22 1396"
        for index in range(1, 11)
    ]
    images = {f"images/{1000 + index}.jpg": jpeg(index) for index in range(2, 11)}
    images["images/1002.jpg"] = jpeg(2)[:300]
    cmyk = Image.fromarray(noise(24, 32, 3)).convert("CMYK")
    images["images/1003.jpg"] = _save(cmyk)
    return write_files(
        folder,
        images
        | {
            "AVA.txt": "\n".join(lines) + "\n",
            "aesthetics_image_lists/generic_test.jpgl": "1009\n1010\n999999\n",
            "aesthetics_image_lists/generic_ls_train.jpgl": "1003\n",
        },
    )


def kadid(folder: Path, *, references: int = 5) -> Path:
    lines = ["dist_img,ref_img,dmos,var"]
    images = {}
    for reference in range(1, references + 1):
        for level in (1, 2):
            name = f"I{reference:02d}_01_{level:02d}.png"
            lines.append(f"{name},I{reference:02d}.png,{5 - level}.57,0.496")
            images[f"images/{name}"] = encoded(noise(16, 16, reference + level))
    return write_files(folder, images | {"dmos.csv": "\n".join(lines)})


def biq2021(folder: Path) -> Path:
    """With the oddities of the real one: see `shared/reference/datasets.md`."""
    train = [f"ss01 ({number}).jpg,0.{number}5,," for number in range(1, 6)]
    images = {f"Images/ss01 ({number}).jpg": jpeg(number) for number in range(1, 6)}
    images["Images/ss02 (1014).JPG"] = jpeg(6)
    images["Images/ss02 (653).jpg"] = mpo(7)
    return write_files(
        folder,
        images
        | {
            "Train (Images and MOS).csv": "\r\n".join(["Image Name,MOS,,", *train]),
            "Test (Images and MOS).csv": "Image Name,MOS\r\n"
            "ss02 (1014).jpg,0.7321\r\nss02 (653).jpg,1\r\n",
        },
    )


def imagenet_images() -> dict[str, dict[str, bytes]]:
    """Images by class; one is a PNG and one CMYK, as in the release."""
    cmyk = Image.fromarray(noise(24, 32, 3)).convert("CMYK")
    return {
        wordnet_id: {
            f"{wordnet_id}_{number}.JPEG": jpeg(10 * place + number)
            for number in (1, 2)
        }
        for place, wordnet_id in enumerate(WORDNET_IDS)
    } | {
        "n02105855": {
            "n02105855_2933.JPEG": encoded(noise(24, 32, 9)),
            "n02105855_7.JPEG": _save(cmyk),
        }
    }


def imagenet_tars(folder: Path) -> Path:
    train = {f"{one}.tar": tar(files) for one, files in imagenet_images().items()}
    validation = {
        f"ILSVRC2012_val_{number:08d}.JPEG": jpeg(100 + number)
        for number in range(1, len(VALIDATION_IDS) + 1)
    }
    devkit = {
        "ILSVRC2012_devkit_t12/data/meta.mat": _synsets(),
        "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": "".join(
            f"{one}\n" for one in VALIDATION_IDS
        ).encode(),
    }
    return write_files(
        folder,
        {
            "ILSVRC2012_img_train.tar": tar(train),
            "ILSVRC2012_img_val.tar": tar(validation),
            "ILSVRC2012_devkit_t12.tar.gz": tar(devkit, mode="w:gz"),
        },
    )


def imagenet_tfds(folder: Path) -> Path:
    classes = sorted(WORDNET_IDS)
    train = [
        (name, classes.index(one), data)
        for one, files in imagenet_images().items()
        for name, data in files.items()
    ]
    validation = [
        (
            f"ILSVRC2012_val_{number:08d}.JPEG",
            classes.index(WORDNET_IDS[one - 1]),
            jpeg(100 + number),
        )
        for number, one in enumerate(VALIDATION_IDS, start=1)
    ]
    version = "imagenet2012/5.1.0"
    files: dict[str, bytes | str] = {
        f"{version}/label.labels.txt": "\n".join(classes) + "\n",
        f"{version}/imagenet2012-validation.tfrecord-00000-of-00001": _records(
            validation
        ),
    }
    for part in (0, 1):
        name = f"{version}/imagenet2012-train.tfrecord-{part:05d}-of-00002"
        files[name] = _records(train[part::2])
    return write_files(folder, files)


def tar(files: dict[str, bytes], *, mode="w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def mpo(seed: int) -> bytes:
    """Two pictures in one JPEG file, as some phones write them."""
    file = io.BytesIO()
    second = Image.fromarray(noise(24, 32, seed + 1))
    Image.fromarray(noise(24, 32, seed)).save(
        file, "MPO", save_all=True, append_images=[second]
    )
    return file.getvalue()


def _save(picture: Image.Image, file_format: str = "JPEG") -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format)
    return file.getvalue()


def _records(examples: list[tuple[str, int, bytes]]) -> bytes:
    file = io.BytesIO()
    for name, label, data in examples:
        write_record(
            file,
            serialized_example(image=[data], label=[label], file_name=[name.encode()]),
        )
    return file.getvalue()


def _synsets() -> bytes:
    """The devkit's numbers of the classes, and an inner node of WordNet behind them."""
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("num_children", "O")]
    table = np.empty((len(WORDNET_IDS) + 1, 1), kinds)
    for row, wordnet_id in enumerate([*WORDNET_IDS, "n00001740"]):
        table[row, 0] = (np.array([[row + 1]]), np.array([wordnet_id]), np.array([[0]]))
    file = io.BytesIO()
    scipy.io.savemat(file, {"synsets": table}, oned_as="row")
    return file.getvalue()
