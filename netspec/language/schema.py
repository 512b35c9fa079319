"""The envelope of a spec as Pydantic models: inputs, data and fit, all strict, frozen and closed.

The model part (layers, shared, outputs) is parsed by hand into the dataclasses of `spec.py`.
Shorthands are written out before they reach these models, so none of them holds a union of forms.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

LARGEST = 2**63 - 1  # of an axis
MOST_AXES = 253  # and the batch: TensorFlow has at most 254, and ends the process where there are more
Axis = Annotated[int, Field(ge=1, le=LARGEST)]
Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Weight = Annotated[float, Field(ge=0, le=1e15)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Strings = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
TABLES = ("csv", "tsv", "jsonl", "parquet", "arrow", "text")  # kinds of tables that may lie in several files
KINDS = (*TABLES, "images", "npz", "npy", "python")
PREPARATIONS = ("text", "sequence", "category", "multi_hot", "image")  # of a feature, which has one at most


def _amount(units: str) -> WithJsonSchema:
    """How an editor sees an amount, which may be written with a unit; `amounts.py` makes it a number."""
    return WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": rf"^\d+(\.\d+)? ?{units}$"})


class Closed(BaseModel):
    """Strict about types, closed to unknown keys, frozen once made."""

    # Deferred: a model is built when it is first used, and the inner ones as parts of it alone.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Input(Closed):
    """One input of a model, as `keras.Input` takes it; `shape` is without the batch dimension."""

    shape: Annotated[tuple[Axis | None, ...], Field(strict=False, max_length=MOST_AXES)]
    dtype: str = "float32"
    batch_size: Size | None = None
    sparse: bool = False
    optional: bool = False


class Text(Closed):
    """Text to numbers: 0 is padding, 1 an unknown token, 2 and up the tokens of the training part by frequency."""

    vocabulary: Annotated[int, Field(ge=3, le=2**31 - 1)]
    length: Size | None = None  # left out: the input's own length
    by: Literal["words", "characters"] = "words"
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "post"
    lower: bool = True
    one_hot: bool = False  # (length, vocabulary) of zeros and ones; padding is all zeros


class Sequence(Closed):
    """Lists of whole numbers (word numbers of a dataset), cut and padded to one length."""

    vocabulary: Annotated[int, Field(ge=3, le=2**31 - 1)] | None = None  # numbers from here on become 2, unknown
    length: Size | None = None
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"


class Category(Closed):
    """A word or number out of few: 0 is unknown, 1 and up the values of the training part in sorted order."""

    one_hot: bool = False  # a column for each value; unknown is all zeros


class Image(Closed):
    """Image files, their bytes or their pixels, to pixels of the input's own height and width, 0 to 255."""

    resize: Literal["stretch", "crop", "pad"] = "stretch"  # what becomes of an image of other proportions
    channels: Literal[1, 3, 4] | None = None  # left out: as many as the input has


class Feature(Closed):
    """Where an input comes from. At most one of `text`, `sequence`, `category`, `multi_hot` and `image`; none: numbers.

    Those of `image` are normalized and rescaled as numbers are.
    """

    column: Name | None = None
    columns: Strings | None = None
    normalize: bool = False  # minus the mean, over the standard deviation, both of the training part
    rescale: Positive | None = None  # times this number
    text: Text | None = None
    sequence: Sequence | None = None
    category: Category | None = None
    multi_hot: Size | None = None  # lists of whole numbers to zeros and ones of this width
    image: Image | None = None
    missing: Literal["mean", "zero", "drop"] | None = None  # numbers: the training mean unless it says otherwise

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order, whichever key names them."""
        return self.columns or ((self.column,) if self.column else ())


class MultiLabel(Closed):
    """Several classes a row: texts with separators between, or lists. A column of the output for each class."""

    separator: Name = "|"


class Steps(Closed):
    """A label for each step of a sequence: lists of class numbers, padded; padding counts nothing."""

    length: Size | None = None  # left out: the output's own, else that of the longest list
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"


class Target(Closed):
    """Where an output's label comes from. Text labels become class numbers in sorted order."""

    column: Name | None = None
    columns: Strings | None = None
    one_hot: bool = False
    classes: Strings | None = None  # the order of the classes, where sorting is not it
    multi_label: MultiLabel | None = None
    sequence: Steps | None = None
    normalize: bool = False  # numbers: trained as normalized ones, scaled back in predictions and metrics
    missing: Literal["drop", "mask"] = "drop"  # mask: the row stays and counts nothing for this output
    weight: Name | None = None  # the column of each row's weight for this output, in place of the one of `data`
    class_weights: dict[str, Weight] | None = None  # by class name or number; 1 where nothing is said
    balanced: bool = False  # class weights by how often each class is there

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order, whichever key names them."""
        return self.columns or ((self.column,) if self.column else ())


class Source(Closed):
    """A table of rows, of exactly one kind. Paths are relative to the spec; patterns and folders stand for files.

    A `text` is no table: its rows are windows over the running text, `stride` tokens from one to the next.
    """

    csv: Strings | None = None
    tsv: Strings | None = None
    jsonl: Strings | None = None
    parquet: Strings | None = None
    arrow: Strings | None = None
    text: Strings | None = None
    images: Name | None = None  # a folder with one of images for each class; columns `image` and `label`
    npz: Name | None = None
    npy: dict[str, str] | None = None  # column name -> file
    python: Annotated[str, Field(pattern=r"^[^:\s]+:[^:\s]+$")] | None = None  # module:function, run with --trust alone
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    stride: Size | None = None  # of a text; left out: 1

    @property
    def kind(self) -> str:
        """The one kind that it is of."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def files(self) -> tuple[str, ...]:
        """Every file, pattern and folder that this source names."""
        if self.npy:
            return tuple(self.npy.values())
        if self.python:
            return ()
        named = getattr(self, self.kind)
        return (named,) if isinstance(named, str) else tuple(named)


class Validation(Closed):
    """A part of train that is held out, or a source of its own."""

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    by: Literal["hash", "order"] = "hash"
    source: Source | None = None


class Data(Closed):
    """Where rows come from and what each input and target is made of."""

    dataset: Literal["cifar10", "digits", "imdb", "mnist", "reuters"] | None = None
    train: Source | None = None
    validation: Validation | None = None
    test: Source | None = None
    weight: Name | None = None  # the column of each row's weight, for every output
    features: dict[str, Feature] = {}
    targets: dict[str, Target] = {}
    augment: dict[str, Annotated[tuple[object, ...], Field(strict=False, min_length=1)]] = {}  # input -> its layers
    on_error: Literal["stop", "skip"] = "stop"  # at an image that cannot be read


class Fit(Closed):
    """How to train. Left out: one epoch of batches of 32, shuffled, with a seed drawn for the run and kept in it."""

    epochs: Size = 1
    batch_size: Size = 32  # left out: that of an input which has a fixed one
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    shuffle: bool = True
    drop_remainder: bool = False
    steps_per_execution: Size | None = None  # left out: chosen for speed, and kept in the run
    jit: bool = False
    callbacks: Annotated[tuple[object, ...], Field(strict=False)] = ()


class Budget(Closed):
    """Limits above which a spec is refused. What `memory` counts, it counts for batches of `batch_size`."""

    parameters: Annotated[int, Field(ge=1), _amount("[kKMGT]")] | None = None  # in all weights
    flops: Annotated[int, Field(ge=1), _amount("[kKMGT]")] | None = None  # of one example, forward
    memory: Annotated[int, Field(ge=1), _amount("([kKMGT]?B|[KMGT]iB)")] | None = None  # bytes of weights and outputs
    batch_size: Size | None = None  # left out: that of `fit`
