"""The served model's inputs and outputs; between them stands what each trainer makes of its features."""

# Conservative on purpose: servers are older than trainers. Opset 15 belongs to IR version 8 (ONNX 1.10, 2021).
ONNX_OPSET, ONNX_ML_OPSET, ONNX_IR_VERSION = 15, 3, 8


def graph_inputs(job):
    """One input [N, 1] per feature."""
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "string": TensorProto.STRING}
    return [helper.make_tensor_value_info(feature.name, kinds[feature.type], ["N", 1]) for feature in job.features]


def as_float(feature, output, nodes):
    """The name under which a number stands in the graph as float32; adds the node that it takes."""
    from onnx import TensorProto, helper

    if feature.type == "float32":
        return feature.name
    nodes.append(helper.make_node("Cast", [feature.name], [output], to=TensorProto.FLOAT))
    return output


def finish_graph(job, nodes, constants, answers, producer):
    """The ModelProto; `answers`: probabilities [N, classes], or numbers [N, 1]."""
    import onnx
    from onnx import helper

    heads = {"binary": binary_heads, "multiclass": class_heads, "regression": number_head}[job.task]
    last, own, outputs = heads(job, answers)
    graph = helper.make_graph(nodes + last, "model", graph_inputs(job), outputs, constants + own)
    opsets = [helper.make_opsetid("", ONNX_OPSET), helper.make_opsetid("ai.onnx.ml", ONNX_ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name=producer, ir_version=ONNX_IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def binary_heads(job, probabilities):
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Gather", [probabilities, "positive"], ["score"], axis=1),
        helper.make_node("GreaterOrEqual", ["score", "threshold"], ["is_positive"]),
        helper.make_node("Cast", ["is_positive"], ["prediction"], to=TensorProto.INT64),
    ]
    constants = [
        helper.make_tensor("positive", TensorProto.INT64, [], [1]),
        helper.make_tensor("threshold", TensorProto.FLOAT, [], [0.5]),
    ]
    outputs = [
        helper.make_tensor_value_info("prediction", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"]),
    ]
    return nodes, constants, outputs


def class_heads(job, probabilities):
    from onnx import TensorProto, helper

    indices = range(len(job.classes))
    nodes = [
        helper.make_node("ArgMax", [probabilities], ["likeliest"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder",
            ["likeliest"],
            ["prediction"],
            domain="ai.onnx.ml",
            keys_int64s=list(indices),
            values_strings=job.classes,
            default_string="",
        ),
        *[helper.make_node("Gather", [probabilities, f"class/{i}"], [job.scores[i]], axis=1) for i in indices],
    ]
    constants = [helper.make_tensor(f"class/{i}", TensorProto.INT64, [], [i]) for i in indices]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.STRING, ["N"])]
    outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in job.scores]
    return nodes, constants, outputs


def number_head(job, numbers):
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Squeeze", [numbers, "axis"], ["prediction"])]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N"])]
    return nodes, [helper.make_tensor("axis", TensorProto.INT64, [1], [1])], outputs
