"""`neudash model export`: a model as `.keras` or ONNX, for tools that know nothing of bundles.

Both take 8-bit luma and give 8-bit luma, base upsample, rounding and clipping included: the same picture as a player.
A folded network takes sides that its fold divides; others it gives back continued to whole folds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from console.command import command, command_parser
from console.options import bundle_folder
from console.outputs import (
    check_distinct,
    check_output,
    is_stream,
    output_file,
    replaced_output,
    results_to,
    write_output,
)
from manifests.bundle import open_bundle
from manifests.errors import NeudashError
from manifests.loading import load_model
from manifests.networks import Add, AddBase, Conv, Fold, Shuffle
from manifests.weights import MAX_MODEL_BYTES, ModelWeights, decode_model
from media.resize import LOBES, phase_kernels
from player.superres.engines import quiet_stderr

_EXAMPLE = """examples:
  neudash model export holiday/ --segment 3 model.onnx
  neudash model export holiday/models/6350208d24224b31.ndm model.keras"""

_OPSET = 18
_IR_VERSION = 8


class ExportError(NeudashError):
    """The model cannot be exported as asked. `str()` is the reason."""


@command("neudash model export")
def main(argv: list[str]) -> int:
    """Run `neudash model`. Returns its exit code."""
    options = _parser().parse_args(argv)
    check_distinct([options.output], [options.model])
    weights = _weights(options.model, options.segment, options.rung)
    export(weights, options.output)
    told = results_to([options.output])
    print(f"{options.output}: {weights.spec.name}, x{weights.spec.scale}, 8-bit luma in and out", file=told)
    return 0


def export(weights: ModelWeights, path: Path) -> None:
    """Writes the model as `.keras` or `.onnx`, by the suffix of `path`; whole or not at all.

    A stream without such a suffix gets ONNX. Raises ExportError for another suffix or a library that is not installed,
    OSError.
    """
    to_stream = is_stream(path)
    suffix = ".onnx" if to_stream and path.suffix not in _WRITERS else path.suffix
    if suffix not in _WRITERS:
        raise ExportError(f"{path.name}: the name of an exported model ends in .keras or .onnx")
    check_output(path)
    try:
        if to_stream:
            with tempfile.TemporaryDirectory() as folder:
                whole = Path(folder) / f"model{suffix}"
                _WRITERS[suffix](weights, whole)
                write_output(path, whole.read_bytes())
        else:
            with replaced_output(path) as temporary:
                _WRITERS[suffix](weights, temporary)
    except ImportError as error:
        raise ExportError(f"{suffix} needs {error.name}: install the extra `train` or `export`") from error


def onnx_model(weights: ModelWeights) -> Any:
    """An `onnx.ModelProto`: uint8 (1, 1, h, w) to uint8 (1, 1, h·scale, w·scale), any h and w.

    Raises ImportError.
    """
    from onnx import TensorProto, helper, numpy_helper

    spec = weights.spec
    constants: dict[str, NDArray[Any]] = {
        "mean": np.array(weights.input_mean, np.float32),
        "half": np.array(0.5, np.float32),
        "lowest": np.array(0, np.float32),
        "highest": np.array(255, np.float32),
        "edges": np.array([0, 0, LOBES, LOBES, 0, 0, *[LOBES + spec.fold - 1] * 2], np.int64),
        "base_kernel": _out_first(phase_kernels(spec.scale, spec.fold)),
    }
    nodes = [helper.make_node("Cast", ["luma"], ["levels"], to=TensorProto.FLOAT)]
    layer = 0
    # Operation n makes the tensor x<n>.
    for index, step in enumerate(spec.operations):
        before, result = f"x{index - 1}", f"x{index}"
        match step:
            case Fold(factor):
                folded = "levels"
                if factor > 1:
                    folded = "folded"
                    constants["fold_edges"] = np.array([0, 0, 0, 0, 0, 0, *[factor - 1] * 2], np.int64)
                    constants["fold_kernel"] = np.eye(factor**2, dtype=np.float32).reshape(-1, 1, factor, factor)
                    # A convolution takes whole strides only, so sides need not be multiples of the fold.
                    nodes += [
                        helper.make_node("Pad", ["levels", "fold_edges"], ["whole"], mode="edge"),
                        helper.make_node("Conv", ["whole", "fold_kernel"], ["folded"], strides=[factor] * 2),
                    ]
                nodes.append(helper.make_node("Sub", [folded, "mean"], [result]))
            case Conv(relu=relu):
                constants[f"kernel{layer}"] = _out_first(weights.kernels[layer])
                constants[f"bias{layer}"] = weights.biases[layer]
                made = f"sum{index}" if relu else result
                inputs = [before, f"kernel{layer}", f"bias{layer}"]
                nodes.append(helper.make_node("Conv", inputs, [made], pads=[1, 1, 1, 1]))
                if relu:
                    nodes.append(helper.make_node("Relu", [made], [result]))
                layer += 1
            case Add(operation):
                nodes.append(helper.make_node("Add", [before, f"x{operation}"], [result]))
            case AddBase():
                nodes += [
                    helper.make_node("Pad", ["levels", "edges"], ["continued"], mode="edge"),
                    helper.make_node("Conv", ["continued", "base_kernel"], ["base"], strides=[spec.fold] * 2),
                    helper.make_node("Add", [before, "base"], ["exact"]),
                    helper.make_node("Add", ["exact", "half"], ["raised"]),
                    helper.make_node("Floor", ["raised"], ["rounded"]),
                    helper.make_node("Clip", ["rounded", "lowest", "highest"], [result]),
                ]
            case Shuffle(factor):
                nodes.append(helper.make_node("DepthToSpace", [before], [result], blocksize=factor, mode="DCR"))
    nodes.append(helper.make_node("Cast", [f"x{len(spec.operations) - 1}"], ["enhanced"], to=TensorProto.UINT8))
    graph = helper.make_graph(
        nodes,
        weights.spec.name,
        [helper.make_tensor_value_info("luma", TensorProto.UINT8, [1, 1, "height", "width"])],
        [helper.make_tensor_value_info("enhanced", TensorProto.UINT8, [1, 1, None, None])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, producer_name="neudash", opset_imports=opsets, ir_version=_IR_VERSION)


def _write_onnx(weights: ModelWeights, path: Path) -> None:
    path.write_bytes(onnx_model(weights).SerializeToString())


def _write_keras(weights: ModelWeights, path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets at length
    with quiet_stderr():
        from player.superres.network import playable_network

    playable_network(weights).save(path)


_WRITERS = {".keras": _write_keras, ".onnx": _write_onnx}


def _out_first(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns, in, out), as Keras has it, to (out, in, rows, columns)."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def _weights(path: Path, segment: int | None, rung: int | None) -> ModelWeights:
    if not path.is_dir():
        with path.open("rb") as file:
            return decode_model(file.read(MAX_MODEL_BYTES + 1))
    bundle = open_bundle(path)
    for representation in bundle.presentation.video:
        if not representation.model_tracks or rung not in (None, representation.video.height):
            continue
        track = min(representation.model_tracks, key=lambda track: track.rank)
        numbers = [s.number for s in representation.segments]
        if segment is not None and segment not in numbers:
            raise ExportError(f"there is no segment {segment}; they are {numbers[0]} to {numbers[-1]}")
        use = track.models[0].n if segment is None else track.uses[numbers.index(segment)]
        if use is None:
            raise ExportError(f"segment {segment} of {representation.id} has no model: plain is best there")
        return load_model(bundle, track, use)
    raise ExportError("no such rung has models; `neudash inspect` shows which have")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("neudash model", "Models for other tools.", _EXAMPLE)
    actions = parser.add_subparsers(required=True, metavar="export")
    action = actions.add_parser(
        "export",
        help="write a model as .keras or ONNX",
        description="Write a model as .keras (loads in plain Keras) or .onnx (runs in ONNX Runtime, any frame size).",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action.add_argument(
        "model", type=bundle_folder, metavar="BUNDLE-or-NDM", help="a bundle's folder, or a full .ndm file"
    )
    action.add_argument("output", type=output_file, metavar="OUTPUT", help="file to write: .keras or .onnx")
    action.add_argument(
        "--segment", type=int, metavar="N", help="of a bundle: that segment's model (default: the first)"
    )
    action.add_argument(
        "--rung", type=int, metavar="HEIGHT", help="of a bundle: that rung (default: the lowest enhanced)"
    )
    return parser
