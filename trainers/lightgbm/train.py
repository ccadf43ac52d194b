#!/usr/bin/env python3
"""Trains a LightGBM model on Parquet files and writes it as ONNX with all encoding inside the graph.

A ready trainer under Seawall's trainer contract; `../contract` says what it reads, writes, prints and exits with.
It needs nothing else of Seawall and runs by hand as well:

    SEAWALL_DATA_DIR=data SEAWALL_MODEL_DIR=model SEAWALL_CHECKPOINT_DIR=checkpoints SEAWALL_DEVICE=cpu \\
    SEAWALL_PARAMS='{"params": {"trees": 200}, "features": [{"name": "hour", "type": "int64"}],
                     "label": {"column": "late"}, "task": "binary", "seed": 7}' python train.py

Strings are LightGBM's own categorical features: a split asks whether the category is in a set (Fisher, JASA 53, 1958; see
LightGBM's documentation, "Optimal Split for Categorical Features"); a category that training never saw is in no set. Nulls of
numbers are missing values, for which each split has learnt a side. A step is a tree (with several classes, one per class).

The graph: ONNX trees compare numbers and know no sets. So each set that a split asks for becomes a column, looked up by category
in a table of zeros and ones, and the tree asks whether that column is 1. The usual way, a chain of "is it a? is it b?", has as
many nodes as sets have members.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contract import (  # noqa: E402
    Checkpoints,
    Range,
    as_float,
    bad_data,
    categories_of,
    check_parity,
    finish_graph,
    job_digest,
    labels_said,
    log,
    loss_of,
    main,
    metrics_of,
    native_settings,
    numbers_of,
    read_labels,
    read_table,
    require_cpu,
    sample_for_parity,
    save_results,
    say,
)

# No sampling of rows or columns: LightGBM does not save its samplers' state, so a resumed model would be another one.
PARAMS = {
    "trees": Range(200, 1, 100_000),
    "leaves": Range(31, 2, 4096, "num_leaves"),
    "depth": Range(0, 0, 64, "max_depth"),
    "learningRate": Range(0.1, 0.0, 1.0, "learning_rate", above_low=True),
    "minLeafRows": Range(20, 1, 1_000_000, "min_data_in_leaf"),
    "minSplitGain": Range(0.0, 0.0, 1e9, "min_gain_to_split"),
    "l1": Range(0.0, 0.0, 1e9, "lambda_l1"),
    "l2": Range(0.0, 0.0, 1e9, "lambda_l2"),
    "bins": Range(255, 2, 65_535, "max_bin"),
    "categorySmoothing": Range(10.0, 0.0, 1e9, "cat_smooth"),
    "categoryL2": Range(10.0, 0.0, 1e9, "cat_l2"),
    "threads": Range(2, 1, 1024, "num_threads"),
    "checkpointEvery": Range(20, 1, 100_000),
    "progressEvery": Range(10, 1, 100_000),
}
OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}


def load_lightgbm():
    try:
        import lightgbm
    except OSError as error:
        if "libgomp" not in str(error):
            raise
        raise RuntimeError(
            f"LightGBM cannot be loaded: {error}. It needs the system's OpenMP library; "
            "install it (Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp), or use the trainer xgboost"
        ) from None
    return lightgbm


# ── Data ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def learn_categories(table, job):
    """Per string feature its categories, in order; a category's code is its place."""
    return {f.name: categories_of(table[f.name])[0] for f in job.features if f.type == "string"}


def encode(table, job, categories):
    """The matrix [N, F], float64: numbers as float32 holds them, categories as codes, NaN for what was never seen."""
    import numpy as np

    columns = []
    for feature in job.features:
        if feature.type != "string":
            columns.append(numbers_of(table, feature).astype(np.float64))
            continue
        codes = {category: code for code, category in enumerate(categories[feature.name])}
        found, rows = categories_of(table[feature.name])
        columns.append(np.array([codes.get(category, np.nan) for category in found], dtype=np.float64)[rows])
    return np.stack(columns, axis=1)


# ── Training ────────────────────────────────────────────────────────────────────────────────────────────────────────


def settings_of(job):
    classes = {"num_class": len(job.classes)} if job.task == "multiclass" else {}
    own = {"objective": OBJECTIVES[job.task], "seed": job.seed, "verbosity": -1}
    # With a fixed number of threads and rows in a fixed order, sums are taken in a fixed order.
    return native_settings(job, PARAMS) | own | classes | {"deterministic": True, "force_row_wise": True}


def train(job, matrix, labels, checkpoints, stop):
    """The booster, the training loss, and the number of trees that came from a checkpoint."""
    lightgbm = load_lightgbm()
    resumed, content = checkpoints.newest()
    earlier = lightgbm.Booster(model_str=content.decode()) if content else None
    # The converter of other libraries stumbles over names, and ours need none.
    names = [f"f{i}" for i in range(len(job.features))]
    categorical = [i for i, feature in enumerate(job.features) if feature.type == "string"]
    settings = settings_of(job)
    data = lightgbm.Dataset(
        matrix, labels, feature_name=names, categorical_feature=categorical, free_raw_data=False, params=settings
    )
    total, done = job.params["trees"], resumed
    losses = Losses(job, matrix, labels)

    def after_tree(environment):
        nonlocal done
        done = resumed + environment.iteration - environment.begin_iteration + 1
        booster = environment.model
        if stop.requested:
            stop.check(checkpoints.save(done, text_of(booster)))
        if done % job.params["checkpointEvery"] == 0 or done == total:
            checkpoints.save(done, text_of(booster))
        if done % job.params["progressEvery"] == 0 or done == total:
            say(progress=done / total, step=done, loss=losses.now(booster))

    if earlier and resumed >= total:
        return earlier, losses.now(earlier), resumed
    if resumed:
        log(f"going on from the checkpoint at tree {resumed}")
    booster = lightgbm.train(
        settings, data, total - resumed, init_model=earlier, callbacks=[after_tree], keep_training_booster=True
    )
    return booster, losses.now(booster), resumed


def text_of(booster):
    """Only the trees: what LightGBM appends about parameters differs between a whole and a resumed training."""
    return booster.model_to_string(num_iteration=-1).encode()


class Losses:
    """The training loss, by adding up the answers of the trees that are new since the last time."""

    def __init__(self, job, matrix, labels):
        self.job, self.matrix, self.labels = job, matrix, labels
        self.trees, self.raw = 0, 0.0

    def now(self, booster):
        count = booster.num_trees() // booster.num_model_per_iteration()
        if count > self.trees:
            new = {"start_iteration": self.trees, "num_iteration": count - self.trees}
            self.raw = self.raw + booster.predict(self.matrix, raw_score=True, **new)
            self.trees = count
        return loss_of(self.job, self.labels, probabilities(self.job, self.raw))


def probabilities(job, raw):
    """What the trees' sums mean: P(1), probabilities of the classes, or numbers."""
    import numpy as np

    if job.task == "regression":
        return raw
    if job.task == "binary":
        return 1 / (1 + np.exp(-raw))
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Sets:
    """The sets of categories that splits ask for: per string feature a table [categories + 1, sets] of 0 and 1.

    The last row is for categories that training never saw; they are in no set.
    """

    def __init__(self, job, categories):
        self.sizes = {i: len(categories[f.name]) for i, f in enumerate(job.features) if f.type == "string"}
        self.places = {i: {} for i in self.sizes}

    def place(self, feature, members):
        """The set's place among those of its feature."""
        return self.places[feature].setdefault(members, len(self.places[feature]))

    def table(self, feature):
        import numpy as np

        table = np.zeros((self.sizes[feature] + 1, len(self.places[feature])), dtype=np.uint8)
        for members, place in self.places[feature].items():
            table[list(members), place] = 1
        return table


class Trees:
    """The booster as attributes of ONNX' TreeEnsembleRegressor."""

    def __init__(self, sets):
        self.sets = sets
        # A split's column: the feature, or (feature, place of the set); columns get their numbers when all are known.
        self.columns, self.nodes, self.leaves = [], [], []

    def add(self, tree, structure, target):
        stack, count = [(structure, None)], 0
        while stack:
            node, parent = stack.pop()
            number, count = count, count + 1
            if parent is not None:
                above, side = parent
                self.nodes[above][side] = number
            if "leaf_value" in node and "split_feature" not in node:
                self.nodes.append(self._leaf(tree, number))
                self.leaves.append((tree, number, target, node["leaf_value"]))
                self.columns.append(0)
                continue
            place = len(self.nodes)
            column, split = self._split(node)
            self.nodes.append({"tree": tree, "node": number, "true": 0, "false": 0, **split})
            self.columns.append(column)
            stack += [(node["right_child"], (place, "false")), (node["left_child"], (place, "true"))]

    @staticmethod
    def _leaf(tree, number):
        return {"tree": tree, "node": number, "mode": "LEAF", "value": 0.0, "missing": 0, "true": 0, "false": 0}

    def _split(self, node):
        feature, threshold = node["split_feature"], node["threshold"]
        if node["decision_type"] == "==":
            members = tuple(sorted(int(code) for code in threshold.split("||")))
            return (feature, self.sets.place(feature, members)), {"mode": "BRANCH_GT", "value": 0.5, "missing": 0}
        # A split that met no missing value in training takes one for 0.
        left = node["default_left"] if node["missing_type"] == "NaN" else 0.0 <= threshold
        return feature, {"mode": "BRANCH_LEQ", "value": down_to_float32(threshold), "missing": int(left)}

    def node(self, input_name, output_name, targets, numbers):
        """The ONNX node; `numbers`: the column of the input by feature, or by (feature, place of the set)."""
        from onnx import helper

        def all_of(key):
            return [node[key] for node in self.nodes]

        return helper.make_node(
            "TreeEnsembleRegressor",
            [input_name],
            [output_name],
            domain="ai.onnx.ml",
            n_targets=targets,
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=all_of("tree"),
            nodes_nodeids=all_of("node"),
            nodes_modes=all_of("mode"),
            nodes_values=all_of("value"),
            nodes_truenodeids=all_of("true"),
            nodes_falsenodeids=all_of("false"),
            nodes_missing_value_tracks_true=all_of("missing"),
            nodes_featureids=[numbers[column] for column in self.columns],
            nodes_hitrates=[1.0] * len(self.nodes),
            target_treeids=[leaf[0] for leaf in self.leaves],
            target_nodeids=[leaf[1] for leaf in self.leaves],
            target_ids=[leaf[2] for leaf in self.leaves],
            target_weights=[leaf[3] for leaf in self.leaves],
        )


def down_to_float32(threshold):
    """The largest float32 that is not above it: for float32 numbers, "x <= threshold" means the same."""
    import numpy as np

    single = np.float32(threshold)
    return float(np.nextafter(single, np.float32(-np.inf)) if float(single) > threshold else single)


def to_onnx(job, categories, booster):
    """Bytes: feature inputs -> numbers and memberships -> Concat [N, columns] -> trees -> the outputs of the task."""
    from onnx import helper

    targets = len(job.classes) if job.task == "multiclass" else 1
    sets = Sets(job, categories)
    trees = Trees(sets)
    for tree in booster.dump_model()["tree_info"]:
        trees.add(tree["tree_index"], tree["tree_structure"], tree["tree_index"] % targets)
    nodes, constants, parts, numbers = [], [], [], {}
    for index, feature in enumerate(job.features):
        first = len(numbers)
        if feature.type != "string":
            parts.append(as_float(feature, f"number/{index}", nodes))
            numbers[index] = first
        elif sets.places[index]:
            parts.append(f"member/{index}")
            numbers |= {(index, place): first + place for place in range(len(sets.places[index]))}
            nodes += membership(feature, index, categories[feature.name])
            constants += tables(index, sets.table(index))
    numbers.setdefault(0, 0)  # leaves ask nothing, of any column
    if not parts:
        raise bad_data("no feature tells anything about the label: not one split was worth making")
    nodes.append(helper.make_node("Concat", parts, ["encoded"], axis=1))
    nodes.append(trees.node("encoded", "sums", targets, numbers))
    last, own, answers = meaning(job)
    return finish_graph(job, nodes + last, constants + own, answers, "seawall-lightgbm")


def membership(feature, index, categories):
    from onnx import TensorProto, helper

    return [
        helper.make_node(
            "LabelEncoder",
            [feature.name],
            [f"code/{index}"],
            domain="ai.onnx.ml",
            keys_strings=categories,
            values_int64s=list(range(len(categories))),
            default_int64=len(categories),
        ),
        helper.make_node("Squeeze", [f"code/{index}", "second"], [f"row/{index}"]),
        helper.make_node("Gather", [f"table/{index}", f"row/{index}"], [f"bits/{index}"], axis=0),
        helper.make_node("Cast", [f"bits/{index}"], [f"member/{index}"], to=TensorProto.FLOAT),
    ]


def tables(index, table):
    from onnx import numpy_helper

    return [numpy_helper.from_array(table, f"table/{index}")]


def meaning(job):
    """From the trees' sums [N, targets] to what `finish_graph` wants."""
    from onnx import TensorProto, helper

    second = helper.make_tensor("second", TensorProto.INT64, [1], [1])
    if job.task == "regression":
        return [], [second], "sums"
    if job.task == "multiclass":
        return [helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1)], [second], "probabilities"
    nodes = [
        helper.make_node("Sigmoid", ["sums"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
    ]
    return nodes, [second, helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])], "probabilities"


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────


def run(job, stop):
    require_cpu(job, "LightGBM")
    version = load_lightgbm().__version__
    table = read_table(job)
    stop.check()
    labels = read_labels(table, job)
    categories = learn_categories(table, job)
    matrix = encode(table, job, categories)
    sample = sample_for_parity(table, job)
    log(f"{table.num_rows} rows, {labels_said(job, labels)}, {len(job.features)} features, {job.device}")
    stop.check()
    checkpoints = Checkpoints(job.checkpoint_dir, job_digest(job, version, [matrix, labels]), ".txt")
    booster, loss, resumed = train(job, matrix, labels, checkpoints, stop)
    model_bytes = to_onnx(job, categories, booster)
    raw = booster.predict(encode(sample, job, categories), raw_score=True)
    parity = check_parity(job, sample, probabilities(job, raw), model_bytes, "LightGBM")
    stop.check("all trees are saved")
    counts = {"trees": job.params["trees"], "treesFromCheckpoint": resumed}
    save_results(job.model_dir, model_bytes, metrics_of(job, table, labels, parity, loss, **counts), parity[1])


if __name__ == "__main__":
    main(run, PARAMS)
