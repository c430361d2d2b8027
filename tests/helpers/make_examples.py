"""tf.train.Example records, made by protocol buffers' own code."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto


def _message(file, name: str, *fields: tuple[str, int, int, int, str]) -> None:
    message = file.message_type.add(name=name)
    for field, number, label, kind, type_name in fields:
        message.field.add(
            name=field,
            number=number,
            label=label,
            type=kind,
            type_name=type_name or None,
        )


def _example_class():
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )
    one, many = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
    message = _FIELD.TYPE_MESSAGE
    _message(file, "BytesList", ("value", 1, many, _FIELD.TYPE_BYTES, ""))
    _message(file, "FloatList", ("value", 1, many, _FIELD.TYPE_FLOAT, ""))
    _message(file, "Int64List", ("value", 1, many, _FIELD.TYPE_INT64, ""))
    _message(
        file,
        "Feature",
        ("bytes_list", 1, one, message, ".tensorflow.BytesList"),
        ("float_list", 2, one, message, ".tensorflow.FloatList"),
        ("int64_list", 3, one, message, ".tensorflow.Int64List"),
    )
    _message(
        file,
        "Features",
        ("feature", 1, many, message, ".tensorflow.Features.FeatureEntry"),
    )
    entry = file.message_type[-1].nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=one, type=_FIELD.TYPE_STRING)
    entry.field.add(
        name="value",
        number=2,
        label=one,
        type=message,
        type_name=".tensorflow.Feature",
    )
    _message(file, "Example", ("features", 1, one, message, ".tensorflow.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("tensorflow.Example")
    )


_EXAMPLE = _example_class()


def serialized_example(**features: list) -> bytes:
    """An Example whose features are lists of bytes, floats or integers."""
    example = _EXAMPLE()
    for name, values in features.items():
        feature = example.features.feature[name]
        kind = type(values[0]) if values else bytes
        lists = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
        getattr(feature, lists[kind]).value.extend(values)
    return example.SerializeToString()
