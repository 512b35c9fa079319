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
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Strings = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
TABLES = ("csv", "tsv", "jsonl", "parquet", "arrow", "text")  # kinds of tables that may lie in several files
KINDS = (*TABLES, "images", "npz", "npy", "python")
DatePart = Literal["year", "quarter", "month", "day", "weekday", "yearday", "hour", "minute", "second", "timestamp"]
KINDS_OF_FEATURE = ("text", "sequence", "array", "category", "hash", "multi_hot", "bucket", "date", "image")
OF_CELLS = ("text", "sequence", "category", "hash", "multi_hot")  # kinds whose cells are no numbers
WAYS = ("mean", "zero", "drop", "mask")  # what an empty number becomes, beside a number
BY_COLUMN = ("time", "group", "stratified")  # ways of holding rows out that go by a column


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


DatasetName = Literal[
    "boston_housing",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cifar100",
    "diabetes",
    "digits",
    "fashion_mnist",
    "imdb",
    "iris",
    "mnist",
    "reuters",
    "wine",
]  # those of DATASETS


class Text(Closed):
    """Text to numbers: 0 is padding, 1 an unknown token, 2 and up the tokens of the training part by frequency."""

    vocabulary: Annotated[int, Field(ge=3, le=2**31 - 1)] | None = None  # left out: all tokens of `file`
    file: Name | None = None  # the tokens in their order, one a line, in place of those of the training part
    length: Size | None = None  # left out: the input's own length
    by: Literal["words", "characters"] = "words"
    ngrams: Annotated[int, Field(ge=1, le=100)] = 1  # runs of up to so many tokens are tokens too
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "post"
    punctuation: bool = False  # of words: every other sign but white space is a token of its own
    lower: bool = True
    one_hot: bool = False  # (length, vocabulary) of zeros and ones; padding is all zeros


class Sequence(Closed):
    """Lists of whole numbers (word numbers of a dataset), cut and padded to one length."""

    vocabulary: Annotated[int, Field(ge=3, le=2**31 - 1)] | None = None  # numbers from here on become 2, unknown
    length: Size | None = None
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"


class Array(Closed):
    """Lists of numbers, as many in each row as the input takes; where it leaves that free, padded with 0."""

    length: Size | None = None  # cut and padded to it; left out: the input's own, where it is free that of the longest
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"


class Category(Closed):
    """A word or number out of few: 0 is unknown, 1 and up the values of the training part in sorted order."""

    vocabulary: Annotated[int, Field(ge=2, le=2**31 - 1)] | None = None  # unknown and the most frequent; left out: all
    one_hot: bool = False  # a column for each value; unknown is all zeros


class Missing(Closed):
    """What an empty cell becomes: the training mean, 0, a number, or the mean with a column of 0 and 1 that says so."""

    by: Literal["mean", "zero", "drop", "mask"] | None = None  # one of WAYS
    fill: Annotated[float, Field(allow_inf_nan=False)] | None = None


class Bucket(Closed):
    """Numbers to the number of their bucket: given boundaries, or as many quantiles of the training part."""

    boundaries: Annotated[tuple[Finite, ...], Field(strict=False, min_length=1)] | None = None
    quantiles: Annotated[int, Field(ge=2, le=10_000)] | None = None
    one_hot: bool = False


class Date(Closed):
    """Parts of dates and times as numbers, side by side in order."""

    parts: Annotated[tuple[DatePart, ...], Field(strict=False, min_length=1)]
    cyclic: bool = False  # a sine and a cosine for each part that goes round, so that December is near January
    format: Name | None = None  # as `strptime` has it; left out: ISO 8601


class Image(Closed):
    """Image files, their bytes or their pixels, to pixels of the input's own height and width, 0 to 255."""

    resize: Literal["stretch", "crop", "pad"] = "stretch"  # what becomes of an image of other proportions
    channels: Literal[1, 3, 4] | None = None  # left out: as many as the input has


class Feature(Closed):
    """Where an input comes from. At most one of the `KINDS_OF_FEATURE`; none: numbers.

    Those of `image` and `array` are normalized and rescaled as numbers are.
    """

    column: Name | None = None
    columns: Strings | None = None
    normalize: bool = False  # minus the mean, over the standard deviation, both of the training part
    rescale: Positive | None = None  # times this number
    clip: Annotated[tuple[Finite | None, Finite | None], Field(strict=False)] | None = None  # from, to
    log: bool = False  # log(1 + x), after `clip` and before `normalize`
    bucket: Bucket | None = None
    date: Date | None = None
    text: Text | None = None
    sequence: Sequence | None = None
    array: Array | None = None
    category: Category | None = None
    hash: Annotated[int, Field(ge=2, le=2**31 - 1)] | None = None  # 0 is empty, 1 and up to below this the value's hash
    multi_hot: Size | None = None  # lists of whole numbers to zeros and ones of this width
    image: Image | None = None
    missing: dict[str, Missing] | None = None  # by column, "" for all others; left out: the kind's own way

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order, whichever key names them."""
        return self.columns or ((self.column,) if self.column else ())

    def missing_of(self, column: str) -> Missing | None:
        """What the spec says of an empty cell of this column."""
        said = self.missing or {}
        return said.get(column, said.get(""))

    def drops(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the columns whose empty cells drop the row."""
        said = {column: self.missing_of(column) for column in columns}
        return tuple(column for column, missing in said.items() if missing is not None and missing.by == "drop")


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
    array: bool = False  # lists of numbers, as many as the output gives
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
    decimal: Literal[".", ","] | None = None  # the mark in numbers of a text file; left out: a point
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


class Split(Closed):
    """Rows to validate or to test with: a part of train that is held out, or a source of their own."""

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    by: Literal["hash", "order", "time", "group", "stratified"] = "hash"
    column: Name | None = None  # that `time`, `group` and `stratified` go by
    format: Name | None = None  # of the times in it, where it is not ISO 8601
    source: Source | None = None


class Data(Closed):
    """Where rows come from and what each input and target is made of."""

    dataset: DatasetName | None = None
    train: Source | None = None
    validation: Split | None = None
    test: Split | None = None
    weight: Name | None = None  # the column of each row's weight, for every output
    features: dict[str, Feature] = {}
    targets: dict[str, Target] = {}
    augment: dict[str, Annotated[tuple[object, ...], Field(strict=False, min_length=1)]] = {}  # input -> its layers
    on_error: Literal["stop", "skip"] = "stop"  # at an image that cannot be read


class Checkpoint(Closed):
    """How often an unfinished run is kept, to go on from: by the clock, or by steps."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    steps: Size | None = None


class Weights(Closed):
    """First weights from another run's steps of the same names; `was` maps a name here to its name there."""

    run: str
    best: bool = False
    was: dict[str, str] = {}


class Fit(Closed):
    """How to train. Left out: one epoch of batches of 32, shuffled, with a seed drawn for the run and kept in it."""

    epochs: Size = 1
    batch_size: Size = 32  # left out: that of an input which has a fixed one
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    shuffle: bool = True
    drop_remainder: bool = False
    steps_per_execution: Size | None = None  # left out: chosen for speed, and kept in the run
    jit: bool = False
    deterministic: bool | None = None  # left out: where it costs nothing, on a CPU without `jit`
    eager: bool = False  # every operation by itself, for looking for mistakes
    weights: Weights | None = None  # left out: drawn by the initializers
    tensorboard: bool = False  # event files in the run
    checkpoint: Checkpoint | None = None  # left out: a minute after the last one
    by_length: bool | None = None  # rows of like length together, and less padding; left out: where no layer sees it
    callbacks: Annotated[tuple[object, ...], Field(strict=False)] = ()


class Budget(Closed):
    """Limits above which a spec is refused. What `memory` counts, it counts for batches of `batch_size`."""

    parameters: Annotated[int, Field(ge=1), _amount("[kKMGT]")] | None = None  # in all weights
    flops: Annotated[int, Field(ge=1), _amount("[kKMGT]")] | None = None  # of one example, forward
    memory: Annotated[int, Field(ge=1), _amount("([kKMGT]?B|[KMGT]iB)")] | None = None  # bytes of weights and outputs
    batch_size: Size | None = None  # left out: that of `fit`
