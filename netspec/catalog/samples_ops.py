"""One call of every operation of keras.ops that a spec can use: its tensors as inputs, what else it needs."""

from __future__ import annotations

from typing import Any

from netspec.catalog import OPS, Entry
from netspec.catalog.sample import IMAGE, Sample

_INTEGER = "int32"

# Operations: the shapes of their tensors where [8] is none, and the arguments that they need.
_MATRICES = """
cholesky cholesky_inverse det eig eigh inv logdet lu_factor slogdet trace diagonal matrix_rank pinv qr svd tril triu
rot90 swapaxes moveaxis corrcoef fliplr
"""
_PICTURES = """
adaptive_average_pool adaptive_max_pool average_pool max_pool image.crop_images image.elastic_transform
image.extract_patches image.gaussian_blur image.hsv_to_rgb image.pad_images image.resize image.rgb_to_grayscale
image.rgb_to_hsv image.sobel_edges image.ssim image.scale_and_translate space_to_depth psnr
"""
_WHOLE = """
bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor left_shift
right_shift gcd lcm one_hot multi_hot unravel_index bincount
"""
_SHAPES: dict[str, list[list[int]]] = {
    **{name: [[4, 4]] for name in _MATRICES.split()},
    **{name: [IMAGE] for name in _PICTURES.split()},
    "conv": [[32, 32, 1]],
    "conv_transpose": [[32, 32, 1]],
    "depthwise_conv": [[32, 32, 1]],
    "separable_conv": [[32, 32, 1]],
    "depth_to_space": [[8, 8, 4]],
    "dot_product_attention": [[10, 4, 16], [10, 4, 16], [10, 4, 16]],
    "cdist": [[5, 8], [6, 8]],
    "cross": [[3], [3]],
    "ctc_decode": [[20, 5], []],
    "ctc_loss": [[10], [20, 5], [], []],
    "dsplit": [[4, 4]],
    "dstack": [[4, 4]],
    "fft": [[16]],
    "fft2": [[16, 16]],
    "ifft2": [[16, 16]],
    "irfft": [[9]],
    "istft": [[20, 9]],
    "stft": [[64]],
    "extract_sequences": [[64]],
    "fold": [[12, 49]],
    "unfold": [[3, 8, 8]],
    "image.extract_patches_3d": [[16, 16, 16, 3]],
    "image.affine_transform": [IMAGE, [8]],
    "image.perspective_transform": [IMAGE, [4, 2], [4, 2]],
    "in_top_k": [[], [10]],
    "matmul": [[4, 8], [8, 6]],
    "solve": [[4, 4], [4, 1]],
    "solve_triangular": [[4, 4], [4, 1]],
    "sparse_categorical_crossentropy": [[], [8]],
    "squeeze": [[8, 1]],
    "unstack": [[4]],
    "view_as_complex": [[8, 2]],
    **{name: [[]] for name in ("searchsorted", "vander")},
}
_DTYPES: dict[str, list[str | None]] = {
    **{name: [_INTEGER] for name in _WHOLE.split()},
    "ctc_decode": [None, _INTEGER],
    "ctc_loss": [_INTEGER, None, _INTEGER, _INTEGER],
    "in_top_k": [_INTEGER, None],
    "sparse_categorical_crossentropy": [_INTEGER, None],
    "where": ["bool", None, None],
    **{name: ["bool"] for name in ("logical_and", "logical_not", "logical_or", "logical_xor")},
}
_KERNEL = [[[[0.5]]]]
_BESIDE: dict[str, dict[str, Any]] = {  # arguments that are given beside the tensors, some in the place of one
    "adaptive_average_pool": {"output_size": [4, 4]},
    "adaptive_max_pool": {"output_size": [4, 4]},
    "argpartition": {"kth": 3},
    "array_split": {"indices_or_sections": 3, "axis": 1},
    "average_pool": {"pool_size": 2},
    "batch_normalization": {"mean": [0.0] * 8, "variance": [1.0] * 8, "axis": -1},
    "broadcast_to": {"shape": [32, 8]},
    "cast": {"dtype": "float16"},
    "clip": {"x_min": 0.0, "x_max": 1.0},
    "conv": {"kernel": _KERNEL},
    "conv_transpose": {"kernel": _KERNEL},
    "depthwise_conv": {"kernel": _KERNEL},
    "separable_conv": {"depthwise_kernel": _KERNEL, "pointwise_kernel": _KERNEL},
    "depth_to_space": {"block_size": 2},
    "space_to_depth": {"block_size": 2},
    "digitize": {"bins": [0.0, 1.0, 2.0]},
    "dsplit": {"indices_or_sections": 2},
    "hsplit": {"indices_or_sections": 2},
    "vsplit": {"indices_or_sections": 2},
    "split": {"indices_or_sections": 2, "axis": -1},
    "einsum": {"subscripts": "bi,bi->b"},
    "expand_dims": {"axis": -1},
    "extract_sequences": {"sequence_length": 16, "sequence_stride": 8},
    "stft": {"sequence_length": 16, "sequence_stride": 8, "fft_length": 16},
    "istft": {"sequence_length": 16, "sequence_stride": 8, "fft_length": 16},
    "fold": {"output_size": 8, "kernel_size": 2},
    "unfold": {"kernel_size": 2},
    "full_like": {"fill_value": 0.5},
    "geomspace": {"start": 1.0, "num": 5},
    "linspace": {"start": 0.0, "num": 5},
    "logspace": {"start": 0.0, "num": 5},
    "get_item": {"key": ":, 0"},
    "image.extract_patches": {"size": 8},
    "image.extract_patches_3d": {"size": 8},
    "image.map_coordinates": {"coordinates": [[0.0, 1.0], [2.0, 3.0]], "order": 1},
    "image.resize": {"size": [16, 16]},
    "image.crop_images": {"top_cropping": 4, "left_cropping": 4, "target_height": 24, "target_width": 24},
    "image.pad_images": {"top_padding": 4, "left_padding": 4, "target_height": 40, "target_width": 40},
    "image.scale_and_translate": {
        "output_shape": [32, 16, 16, 3],
        "scale": [0.5, 0.5],
        "translation": [0.0, 0.0],
        "spatial_dims": [1, 2],
        "method": "linear",
    },
    "in_top_k": {"k": 5},
    "max_pool": {"pool_size": 2},
    "moments": {"axes": -1},
    "moveaxis": {"source": 1, "destination": 2},
    "mean": {"axis": 1},
    "nanpercentile": {"q": 50},
    "percentile": {"q": 50},
    "nanquantile": {"q": 0.5},
    "quantile": {"q": 0.5},
    "one_hot": {"num_classes": 10},
    "multi_hot": {"num_classes": 10},
    "pad": {"pad_width": [[0, 0], [1, 1]]},
    "psnr": {"max_val": 1.0},
    "repeat": {"repeats": 2, "axis": 1},
    "tile": {"repeats": [1, 2]},
    "reshape": {"newshape": [-1, 2, 4]},
    "roll": {"shift": 1, "axis": 1},
    "saturate_cast": {"dtype": "uint8"},
    "scatter": {"values": [1.0, 2.0], "shape": [8]},
    "scatter_update": {"indices": [[0, 1]], "updates": [1.0]},
    "searchsorted": {"sorted_sequence": [0.0, 1.0, 2.0]},
    "segment_max": {"segment_ids": [0, 0, 1], "num_segments": 2},
    "segment_min": {"segment_ids": [0, 0, 1], "num_segments": 2},
    "segment_prod": {"segment_ids": [0, 0, 1], "num_segments": 2},
    "segment_sum": {"segment_ids": [0, 0, 1], "num_segments": 2},
    "slice": {"start_indices": [0, 2], "shape": [1, 4]},
    "slice_update": {"start_indices": [0, 2], "updates": [[1.0, 2.0]]},
    "squeeze": {"axis": -1},
    "sum": {"axis": 1},
    "swapaxes": {"axis1": 1, "axis2": 2},
    "take": {"indices": [0, 2], "axis": 1},
    "take_along_axis": {"indices": [[0, 2]], "axis": 1},
    "threshold": {"threshold": 0.5, "default_value": 0.0},
    "top_k": {"k": 3},
    "transpose": {"axes": [1, 0]},
    "unravel_index": {"shape": [4, 4]},
    "unstack": {"axis": 1, "num": 4},
    "view": {"dtype": "int32"},
}


def sample(entry: Entry) -> Sample:
    """One call of an operation: its tensors as inputs, what else it needs as arguments."""
    name = entry.name.removeprefix(OPS)
    args = _BESIDE.get(name, {})
    tensors = [param for param in entry.call if param.required and param.name not in args]
    if name == "select":
        return Sample({"a": ([8], "bool"), "b": ([8], None)}, {}, {"condlist": ["a"], "choicelist": ["b"]})
    several = bool(tensors) and tensors[0].name in entry.lists
    names = ["x"] if len(tensors) == 1 and not several else ["a", "b", "c", "d"][: 2 if several else len(tensors)]
    shapes, dtypes = _SHAPES.get(name, []), _DTYPES.get(name, [])
    inputs = {
        each: (
            shapes[min(at, len(shapes) - 1)] if shapes else [8],
            dtypes[min(at, len(dtypes) - 1)] if dtypes else None,
        )
        for at, each in enumerate(names)
    }
    return Sample(inputs, args, names if len(names) > 1 else None)
