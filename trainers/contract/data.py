"""Rows from Parquet files, in the types of the configuration; what cannot be learnt from is refused."""

import math

from .ending import bad_data


def read_table(job):
    """Features and label of all files as one Arrow table, the features in their types, the label as float32."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path for path in job.data_dir.rglob("*.parquet") if path.is_file())
    if not files:
        raise bad_data(f"there is no *.parquet file below {job.data_dir}")
    parts = []
    for path in files:
        try:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            wanted = [feature.name for feature in job.features] + [job.label]
            for name in wanted:
                if name not in names:
                    raise bad_data(f'{path} has no column "{name}"; its columns are {", ".join(names)}')
            table = file.read(columns=wanted)
        except (pa.ArrowException, OSError) as error:
            raise bad_data(f"{path} cannot be read as Parquet ({first_line(error)})") from None
        parts.append(pa.table({name: as_type(table[name], kind, name, path) for name, kind in kinds_of(job)}))
    table = pa.concat_tables(parts)
    if table.num_rows == 0:
        raise bad_data(f"the {len(files)} files below {job.data_dir} hold no rows")
    return table.combine_chunks()


def kinds_of(job):
    label = {"multiclass": "class", "regression": "number"}.get(job.task, "label")
    return [(feature.name, feature.type) for feature in job.features] + [(job.label, label)]


def as_type(column, kind, name, path):
    import pyarrow as pa
    import pyarrow.compute as pc

    source = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(source) or pa.types.is_large_string(source) or pa.types.is_string_view(source)
    is_number = any(
        test(source)
        for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    )
    fits = is_text if kind == "string" else is_number or (is_text and kind == "class")
    if not pa.types.is_null(source) and not fits:
        raise bad_data(f'column "{name}" of {path} is {column.type}, which is no {kind}')
    if kind == "class":
        return as_class(column, is_text, name, path)
    target = {"string": pa.string(), "int64": pa.int64(), "number": pa.float64()}.get(kind, pa.float32())
    try:
        # float32 rounds, as it does in front of the served model; int64 must hold whole numbers.
        column = pc.cast(column, target, safe=kind == "int64")
    except pa.ArrowException as error:
        raise bad_data(f'column "{name}" of {path} is no {kind} ({first_line(error)})') from None
    return pc.fill_null(column, "") if kind == "string" else column


def as_class(column, is_text, name, path):
    """Labels as texts; numbers must be whole, and are written without a point."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(column if is_text else pc.cast(column, pa.int64()), pa.string())
    except pa.ArrowException as error:
        raise bad_data(f'column "{name}" of {path} holds no classes ({first_line(error)})') from None


def first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def read_labels(table, job):
    """float32 per row: 0 or 1, the index of the class, or the number."""
    import numpy as np

    name = job.label
    column = table[name]
    if column.null_count:
        raise bad_data(f'{column.null_count} of {table.num_rows} rows have no label (column "{name}" is null)')
    if job.task == "multiclass":
        labels = class_indices(column, job)
    else:
        labels = column.to_numpy()
        right, rule = (
            (np.isfinite(labels.astype(np.float32)), "finite numbers")
            if job.task == "regression"
            else ((labels == 0) | (labels == 1), "0 and 1")
        )
        wrong = labels[~right]
        if len(wrong):
            raise bad_data(f'the label column "{name}" must hold {rule}; {len(wrong)} rows differ, first: {wrong[0]}')
    if labels.min() == labels.max() and job.task != "regression":
        only = job.classes[int(labels[0])] if job.task == "multiclass" else int(labels[0])
        raise bad_data(f"all {len(labels)} rows have the label {only}; two classes are needed to learn from")
    return labels.astype(np.float32)


def class_indices(column, job):
    import numpy as np

    found, codes = categories_of(column)
    unknown = [category for category in found if category not in job.classes]
    if unknown:
        raise bad_data(f'the label column "{job.label}" holds {unknown[0]!r}, which is none of {", ".join(job.classes)}')
    return np.array([job.classes.index(category) for category in found])[codes]


def labels_said(job, labels):
    """What is worth telling of the labels."""
    import numpy as np

    if job.task == "binary":
        return {"positives": int(labels.sum())}
    if job.task == "regression":
        return {"labelMean": float(labels.mean(dtype=np.float64))}
    return {"counts": dict(zip(job.classes, np.bincount(labels.astype(int), minlength=len(job.classes)).tolist()))}


def categories_of(column):
    """Distinct strings in order, and each row's index among them."""
    import numpy as np
    import pyarrow as pa

    encoded = pa.chunked_array(column).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    return [found[index] for index in order], rank[encoded.indices.to_numpy(zero_copy_only=False)]


def numbers_of(table, feature):
    """float32 per row, as the graph's Cast gives it; NaN where nothing is known."""
    import numpy as np

    column = table[feature.name]
    numbers = column.fill_null(0 if feature.type == "int64" else math.nan).to_numpy().astype(np.float32)
    if feature.type == "int64":
        numbers[column.is_null().to_numpy()] = np.nan
    if np.isinf(numbers).any():
        raise bad_data(f'column "{feature.name}" holds infinite values; make them null or finite')
    return numbers
