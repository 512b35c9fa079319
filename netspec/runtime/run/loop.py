"""Keras's own fit, evaluate and predict, fed by netspec's batches and followed by netspec's callbacks.

Import it after `engine.keras()`. Fixed batch sizes and stateful layers are dealt with here and nowhere else.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config  # the public module only switches determinism on

from netspec.catalog.types import Unknown
from netspec.diagnostics import counted
from netspec.graph.ir import Checked
from netspec.runtime.data import batches, slicing, trimming
from netspec.runtime.data.epoch import Epoch
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.store import Held, Piece
from netspec.runtime.run import by_length, eagerly, metering, rates, stopping
from netspec.runtime.run.checkpoints import Checkpoint
from netspec.runtime.run.completing import complete
from netspec.runtime.run.keeping import Keeper
from netspec.runtime.run.progress import Progress
from netspec.runtime.run.refusals import REFUSALS, odd_loss, refused
from netspec.runtime.run.scores import Number, plain
from netspec.runtime.run.snapshots import forget
from netspec.runtime.run.splits import Part, output_types
from netspec.runtime.run.telling import Pace

if TYPE_CHECKING:
    from netspec.runtime.data.augmenting import Augmentation

_TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end", *_TEST_HOOKS)


def repeatable(seed: int, *, jit: bool = False, asked: bool | None = None) -> bool:
    """Seed everything, and choose whether operations repeat bit for bit; None: on a CPU, where it costs nothing.

    `jit` goes without: TensorFlow has no compiled operations that repeat, and Keras would leave out the compiling.
    """
    keras.utils.set_random_seed(seed)
    wanted = not jit and (asked if asked is not None else not tf.config.list_physical_devices("GPU"))
    if wanted:
        tf.config.experimental.enable_op_determinism()
    else:
        config.disable_op_determinism()
    return wanted


def fixed_batch(checked: Checked) -> int | None:
    """The batch size that the inputs insist on, None where any will do."""
    return next((part.batch_size for part in checked.typed.graph.inputs.values() if part and part.batch_size), None)


def batch_size(checked: Checked) -> int:
    """How many rows a step takes."""
    return fixed_batch(checked) or checked.fit.batch_size


def drops(checked: Checked) -> bool:
    """Whether training leaves out a last batch that is not full."""
    return checked.fit.drop_remainder or fixed_batch(checked) is not None


def steps(checked: Checked, rows: int) -> int:
    """How many steps an epoch has.

    Raises:
        DataError: NS704, too few rows for one batch.
    """
    size = batch_size(checked)
    if drops(checked) and rows < size:
        said = f"{counted(rows, 'row')} to train on make{'s' * (rows == 1)} no full batch of {size}"
        raise DataError("NS704", said, "use a smaller batch size")
    return rows // size if drops(checked) else math.ceil(rows / size)


def listens(callback: Any) -> bool:
    """Whether a callback wants to hear of every batch, so that each step has to be a call of its own."""
    return _has(callback, _BATCH_HOOKS)


def _has(callback: Any, hooks: Sequence[str]) -> bool:
    return any(getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook) for hook in hooks)


class Followers(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Keras's list of callbacks without its work for every batch, which is a conversion of all metrics to numbers.

    Callbacks that want to hear of batches are told; else only the running loss is looked at, ten times a second. After
    each call of a step is where Ctrl-C ends the work.
    """

    def __init__(
        self,
        callbacks: Sequence[Any],
        *,
        model: Any,
        keeper: Keeper | None = None,
        progress: Progress | None = None,
        **params: Any,
    ) -> None:
        every = [*callbacks] if keeper is None else [*callbacks, keeper]
        super().__init__(every, add_history=True, model=model, verbose=0, **params)
        self._heard = any(listens(each) for each in every)
        self._tested = any(_has(each, _TEST_HOOKS) for each in every)  # a user's own, for none of Keras's has
        self._keeper, self._progress, self._pace = keeper, progress, Pace()
        self._epoch = 0
        self._begun = False
        self.skipped = 0  # steps of the epoch that were done before a checkpoint
        self.metrics = metering.Last()
        self.last = True  # whether the end of a `fit` is the end of training

    def on_train_begin(self, logs: Any = None) -> None:
        """Once, though an epoch that goes on in its middle is a `fit` of its own."""
        if not self._begun:
            self._begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Once."""
        if self.last:
            super().on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes the epoch."""
        self._epoch = epoch
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Passed on to those who asked."""
        if self._heard:
            super().on_train_batch_begin(self.skipped + batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Passed on to those who asked; shows the loss, lets the keeper write, and stops where Ctrl-C was pressed."""
        done = min(self.skipped + batch + 1, self.params["steps"])
        self.metrics.logs = logs
        if self._heard:
            super().on_train_batch_end(self.skipped + batch, logs)
        if self._keeper is not None:
            self._keeper.stepped(self._epoch, done)
        if logs and self._pace():
            loss = float(logs["loss"])
            if self._keeper is not None:
                self._keeper.seen(loss)
            if self._progress is not None:
                self._progress.stepped(done, logs)
        try:
            stopping.check()
        except KeyboardInterrupt:
            if self._keeper is not None:
                self._keeper.interrupted()
            raise

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Passed on to those who asked."""
        if self._tested:
            super().on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Passed on to those who asked; stops where Ctrl-C was pressed."""
        self.metrics.logs = logs
        if self._tested:
            super().on_test_batch_end(batch, logs)
        stopping.check()

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Nobody asks."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Nobody asks."""
        stopping.check()


class _Restart(keras.callbacks.Callback):  # type: ignore[misc]
    """Each epoch and each evaluation of a stateful model starts at its first row, and so from empty states."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Empties the states."""
        forget(self.model)

    def on_test_begin(self, logs: Any = None) -> None:
        """Empties the states."""
        forget(self.model)


class _Validation(keras.callbacks.Callback):  # type: ignore[misc]
    """Validation of a model with a fixed batch size: every row counts, the last batch is filled up."""

    def __init__(self, checked: Checked, part: Part) -> None:
        super().__init__()
        self._checked, self._part = checked, part

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the validation's numbers to those of the epoch, for all callbacks below."""
        if logs is not None:
            found = evaluate(self.model, self._checked, self._part)
            logs.update({f"val_{name}": value for name, value in found.items()})


def augmentation(checked: Checked, part: Part, seed: int) -> Augmentation | None:
    """What changes the batches of training, tried out; None where nothing does. Generated examples are left alone.

    Raises:
        BuildError: Keras refuses a layer.
    """
    if not checked.training.augment or part.generated:
        return None
    from netspec.runtime.data.augmenting import Augmentation

    made = Augmentation(checked.training.augment, seed)
    made.try_out(part.examples.head(2)[0])
    return made


def train(
    model: Any,
    checked: Checked,
    part: Part,
    validation: Part | None,
    *,
    seed: int,
    callbacks: Sequence[Any],
    keeper: Keeper,
    progress: Progress,
    augmentation: Augmentation | None = None,
    since: Checkpoint | None = None,
) -> None:
    """Run `model.fit` to its end, or on from a checkpoint; `keeper` knows how far it came, whatever stops it.

    Raises:
        NotFinite: a loss or a weight is NaN or infinite.
        BuildError: Keras refuses the losses, the metrics or a step.
        TooBig: a step takes more memory than there is.
    """
    _complete_model(model, checked, part, surely=since is not None)
    epoch = Epoch(since.epoch if since else 0)
    size, fixed, epochs = batch_size(checked), fixed_batch(checked), checked.fit.epochs
    cut = by_length.cut(model, checked, part.examples)

    def fed(skip: int) -> Any:
        return fed_from(
            part,
            checked,
            batch_size=size,
            shuffle=checked.fit.shuffle,
            seed=seed,
            drop_remainder=drops(checked),
            epoch=epoch,
            cut=cut,
            change=None if augmentation is None else lambda data, done: augmentation.batches(data, epoch, done),
            skip=skip,
            whole=steps(checked, part.rows) % model.steps_per_execution == 0,  # no call of Keras is cut short
        )

    held = None
    if validation is not None and fixed is None:
        held = _batched(model, validation, checked, size)
    first = [epoch.setter()]
    if fixed is not None:
        first.append(_Restart())
        if validation is not None:
            first.append(_Validation(checked, validation))
    followers = Followers(
        [*first, *callbacks],
        model=model,
        keeper=keeper,
        progress=progress,
        epochs=epochs,
        steps=steps(checked, part.rows),
    )

    def run(data: Any, start: int, stop: int) -> None:
        how = {"initial_epoch": start, "epochs": stop, "validation_data": held, "callbacks": followers}
        with slicing.in_use(data):
            model.fit(data, **how, shuffle=False, verbose=0)

    start, stopped = (since.epoch, since.stopped) if since else (0, False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist", UserWarning)  # of outputs without a loss
        try:
            with (
                stopping.between_steps(),
                eagerly.told(checked.fit.eager),
                metering.at_once(model, followers.metrics),
                slicing.in_use(held),
            ):
                if since is not None and since.step:
                    followers.skipped, followers.last = since.step, False
                    run(fed(since.step), start, start + 1)
                    followers.skipped, followers.last = 0, True
                    keeper.again()
                    start, stopped = start + 1, model.stop_training
                run(fed(0), epochs if stopped else start, epochs)
        except REFUSALS as error:
            raise odd_loss(model, checked) or refused(error, *eagerly.at_fault(error, checked)) from error
    keeper.flush()
    if callbacks or rates.averages(model.optimizer):
        keeper.save()  # what they put in place of the last epoch's weights


def _complete_model(model: Any, checked: Checked, part: Part, *, surely: bool) -> None:
    """Make the variables of the optimizer, the losses and the metrics, which a first step makes otherwise.

    A step that makes variables is traced twice, and tracing is most of what a short training takes. `surely`: where
    their shapes are not known, run a batch, which changes no weight but may draw random numbers.
    """
    guesses = {}
    for name, tensor in output_types(checked).items():
        sizes = () if isinstance(tensor.shape, Unknown) else [dim for dim in tensor.shape[1:] if isinstance(dim, int)]
        if part.rows < 2 or isinstance(tensor.shape, Unknown) or len(sizes) < len(tensor.shape) - 1:
            if surely:
                _tried(model, checked, part)
            return  # else the first step finds out
        guesses[name] = np.zeros((2, *sizes), np.float32)
    two = complete(part.examples.head(2), checked, part)
    truth = tensors(two.y)  # of one row, Keras would take a list of labels for a column of them
    weights = tensors(two.w) if two.w else None
    guess = tensors(guesses)
    try:
        model.optimizer.build(model.trainable_variables)
        model.compute_loss(None, truth, guess, weights, training=False)
    except REFUSALS as error:
        raise refused(error, ("losses",)) from error
    try:
        model.compute_metrics(None, truth, guess, weights)
    except REFUSALS as error:
        raise refused(error, ("metrics",)) from error
    model.reset_metrics()


def _tried(model: Any, checked: Checked, part: Part) -> None:
    """Evaluate a batch, which makes all variables."""
    how: dict[str, Any] = {"batch_size": batch_size(checked), "drop_remainder": drops(checked)}
    try:
        model.optimizer.build(model.trainable_variables)
        model.test_on_batch(*next(iter(fed_from(part, checked, shuffle=False, seed=0, **how))))
    except REFUSALS as error:
        raise refused(error, ()) from error


def evaluate(model: Any, checked: Checked, part: Part, *, size: int | None = None) -> dict[str, Number]:
    """Losses and metrics of every row, under Keras's names.

    Raises:
        BuildError: Keras refuses the losses, the metrics or a step.
        TooBig: a step takes more memory than there is.
    """
    fixed = fixed_batch(checked)
    if fixed is not None:
        try:
            return _evaluate_fixed(model, checked, part, fixed)
        except REFUSALS as error:
            raise refused(error, ()) from error
    data = _batched(model, part, checked, size or batch_size(checked))
    try:
        with stopping.between_steps(), slicing.in_use(data):
            found = model.evaluate(data, callbacks=Followers((), model=model), verbose=0, return_dict=True)
    except REFUSALS as error:
        raise refused(error, ()) from error
    return {name: plain(value) for name, value in found.items()}


def predict(
    model: Any, checked: Checked, x: Mapping[str, np.ndarray], *, size: int | None = None
) -> dict[str, np.ndarray]:
    """Every output's array, a row for each row of `x`, in order.

    Raises:
        BuildError: Keras refuses a step.
        TooBig: a step takes more memory than there is.
    """
    rows = len(next(iter(x.values())))
    fixed = fixed_batch(checked)
    if fixed is not None:
        forget(model)
        x = {name: _filled(array, math.ceil(rows / fixed) * fixed) for name, array in x.items()}
    size = fixed or size or batches.to_predict(batches.work(checked.typed, 1), batch_size(checked))
    cut = by_length.cut(model, checked, Held(dict(x), {}))
    places = np.argsort(trimming.lengths(x, cut), kind="stable") if cut else None
    if places is not None:
        x = {name: array[places] for name, array in x.items()}
    data = batches.dataset(x, None, batch_size=size, shuffle=False, seed=0, cut=cut)
    try:
        with stopping.between_steps(), slicing.in_use(data):
            found = model.predict(data, callbacks=Followers((), model=model), verbose=0)
    except REFUSALS as error:
        raise refused(error, ()) from error
    outputs = checked.typed.graph.outputs
    by_name = found if isinstance(found, dict) else {next(iter(outputs)): found}
    back = slice(rows) if places is None else np.argsort(places)
    return {name: _plain(np.asarray(by_name[name]))[back] for name in outputs}


def _plain(array: np.ndarray) -> np.ndarray:
    """Numbers of 16 bits as float32, which every file and every step behind this one takes."""
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


def _evaluate_fixed(model: Any, checked: Checked, part: Part, size: int) -> dict[str, Number]:
    """As `Model.evaluate`, with a last batch that is filled up, run, and cut again before it is scored."""
    forget(model)
    model.reset_metrics()
    total, found = 0.0, {}
    for piece in part.examples.pieces(size):
        stopping.check()
        rows = piece.rows
        filled = {name: _filled(array, size) for name, array in piece.x.items()}
        predicted = tf.nest.map_structure(lambda tensor: tensor[:rows], model(tensors(filled), training=False))  # noqa: B023
        whole = complete(piece, checked, part)
        truth, weights = tensors(whole.y), tensors(whole.w) if whole.w else None
        loss = model.compute_loss(None, truth, predicted, weights, training=False)
        total += float(loss) * rows
        found = model.compute_metrics(None, truth, predicted, weights)
    return {**{name: plain(value) for name, value in found.items()}, "loss": total / part.rows}


def _batched(model: Any, part: Part, checked: Checked, size: int) -> Any:
    cut = by_length.cut(model, checked, part.examples)
    return fed_from(part, checked, batch_size=size, shuffle=bool(cut), seed=0, cut=cut)  # so that like lengths meet


def fed_from(part: Part, checked: Checked, *, whole: bool = False, **how: Any) -> Any:
    """Batches of a part's examples, wherever they are, with a target for every output; `whole` as in `dataset`."""
    examples = part.examples
    if isinstance(examples, Held):
        x, y, w = complete(Piece(examples.x, examples.y, examples.w), checked, part)
        return batches.dataset(x, y, weights=w, whole=whole, **how)
    return batches.of_store(examples, lambda piece: complete(piece, checked, part), **how)


def tensors(arrays: Mapping[str, np.ndarray]) -> Any:
    """Arrays by name as Keras takes them: several by name, one alone."""
    found = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
    return found if len(found) > 1 else next(iter(found.values()))


def _filled(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with its last row repeated up to `rows`."""
    return array if len(array) == rows else np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])
