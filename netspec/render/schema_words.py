"""What editors say of the keys of a spec and of the fields of its envelope, which Keras's catalogue does not know.

Kept beside the Pydantic models and not on them, because `validate` imports those and has no use for a word of it.
"""

from __future__ import annotations

TOP = {
    "netspec": "the version of the language",
    "name": "names the run folders: letters, digits, _ and -; the file's name if left out",
    "vars": "names and values for $name; $(width * 2) is arithmetic with them",
    "dtype_policy": "what layers without a dtype of their own compute in: mixed_bfloat16 keeps weights in float32",
    "losses": "what training makes small: one loss for all outputs, or output by output, {loss, weight}",
    "metrics": "what is measured: a list for every output, or output by output",
    "optimizer": "how weights are changed: a name such as adam, or {SGD: {momentum: 0.9}}",
    "freeze": "names or patterns of layers that training leaves as they are, model/step inside models",
    "optimizers": "another optimizer or other arguments for layers by name or pattern, of which the first match wins",
    "data": "where rows come from, and what each input and output is made of",
    "fit": "how to train: epochs, batch size, seed, callbacks",
    "budget": "limits above which the spec is refused",
}
MODEL = {
    "inputs": "input name to shape, [100] without the batch dimension, or {shape, dtype, batch_size, sparse, optional}",
    "shared": "layers and models that are used more than once: name to layer or model, called with `use`",
    "layers": "the steps: each one layer by its Keras name, which takes the step above unless it says `from`",
    "outputs": "a list of steps, or public name to step; the last step if left out",
}
OWN = {
    "python": "a class or a function of one's own, as module:name; runs only with --trust, never in validate",
    "with": "the arguments that it gets, by name, as plain values",
    "shape": "what the layer gives, without the batch; a list of such lists for several outputs; unknown if left out",
}
STEP = {
    "from": "what the step takes: a name, a list of names for layers that merge, or call argument to names",
    "name": "what other steps call it by; a list names several outputs",
    "repeat": "so many layers of the same kind in a row; 0 lets the input through",
    "call": "plain arguments of the call, as in {training: true}",
    "use": "a call of something under `shared`, with the same weights in every call",
    "model": "a nested model, written where it is called",
}
CALL = {
    "training": "whether layers such as Dropout act as in training; left out: as Keras runs the model",
    "return_attention_scores": "give the scores as a second output",
    "use_causal_mask": "each position sees only those before it",
    "reverse": "from vectors back to scores over the vocabulary",
}
LOSS = {
    "loss": "a loss of Keras by its name, or {Huber: {delta: 2.0}}",
    "weight": "how much this output's loss counts in the sum",
}
AUGMENT = "the layers in their order; what they give has the input's shape"
VARIABLE = "a value that stands for $name below"
INPUT = "the shape without the batch dimension, or a mapping"
SHARED = "a layer, or a model with inputs and layers of its own"
REFERENCE = "a step or an input, by its name"
OUTPUT_LOSS = "the loss of this output; null: it has none, and that is meant"
GROUP = "the optimizer of the layers that this name or pattern is the first to match"
OUTPUT_METRICS = "the metrics of this output"

# Every field of the models in netspec.language.schema.
FIELDS = {
    "Input": {
        "shape": "sizes without the batch dimension; null is a free one, as in [null, 8] for any length",
        "dtype": "the type of the numbers, such as float32, or int32 for word numbers",
        "batch_size": "a fixed number of examples in a batch, as stateful layers need it; null: any",
        "sparse": "whether the input comes as a sparse tensor",
        "optional": "whether the input may be left out when the model is called",
    },
    "Text": {
        "vocabulary": "how many numbers there are, padding and unknown included; rarer tokens become unknown; or a "
        "file of tokens, one a line, relative to the spec",
        "file": "a file of tokens, one a line, of which the first so many are used as `vocabulary` says",
        "length": "numbers in a row after cutting and padding; null: the input's own length",
        "by": "what a token is",
        "ngrams": "runs of up to so many tokens are tokens too, behind the single ones",
        "padding": "where zeros go in a row that is too short",
        "truncating": "where a row that is too long is cut",
        "punctuation": "by words: every other sign but white space is a token of its own, such as . and ,",
        "lower": "whether upper and lower case are the same",
        "one_hot": "a row of zeros and ones for each token instead of its number; padding is all zeros",
    },
    "Sequence": {
        "vocabulary": "numbers from here on become 2, unknown; null: all are kept",
        "length": "numbers in a row after cutting and padding; null: the input's own length",
        "padding": "where zeros go in a row that is too short",
        "truncating": "where a row that is too long is cut",
    },
    "Array": {
        "length": "steps in a row after cutting and padding; null: the input's own, exactly; where that is free, those "
        "of the longest training row",
        "padding": "where zeros go in a row that is too short",
        "truncating": "where a row that is too long is cut",
    },
    "Category": {
        "vocabulary": "how many numbers there are, unknown included; rarer values become unknown; null: all values",
        "one_hot": "a column for each value instead of its number; unknown is all zeros",
    },
    "Missing": {
        "by": "what it becomes",
        "fill": "a number to fill in",
    },
    "Bucket": {
        "boundaries": "where buckets begin, rising; below the first one is bucket 0",
        "quantiles": "how many buckets of about as many training rows",
        "one_hot": "a column for each bucket instead of its number",
    },
    "Date": {
        "parts": "which numbers, in order",
        "cyclic": "a sine and a cosine for each part that goes round, so that December is near January",
        "format": "how dates are written, such as %d.%m.%Y; null: as in ISO 8601",
    },
    "Image": {
        "resize": "what becomes of an image of other proportions: stretched, cut at its sides, or given black ones",
        "channels": "1 for grey, 3 for colour, 4 for colour and opacity; null: as many as the input has",
    },
    "Feature": {
        "column": "the column that the input is made of",
        "columns": "several columns side by side",
        "normalize": "minus the mean and over the standard deviation of the training rows",
        "rescale": "times this number, such as 0.00392 for pixels",
        "clip": "the lowest and the highest number, such as [0, 100]; what is beyond becomes the nearest of them",
        "log": "log(1 + x), after clip and before normalize",
        "bucket": "the number of the bucket: boundaries such as [0, 10, 20], or a number of quantiles such as 10",
        "date": "parts of a date or time as numbers, such as [month, weekday]",
        "text": "text to numbers, one for each word or character",
        "sequence": "lists of whole numbers, cut and padded to one length",
        "array": "lists of numbers, such as 0.5 1 2 or [0.5, 1, 2], as many as the input takes; true for the defaults",
        "category": "one of few values to its number; true for the defaults",
        "hash": "one of very many values to a number below this one, by a hash; 0 is an empty cell",
        "multi_hot": "lists of whole numbers to zeros and ones of this width",
        "image": "JPEG, PNG, GIF or BMP (a path, or bytes) or pixels, to the input's own size; true for the defaults",
        "missing": "what an empty cell becomes: mean of the training rows, zero, a number, mask (the mean, and a "
        "column of 0 and 1 beside); or drop the row; or a mapping from columns to these",
    },
    "MultiLabel": {
        "separator": "what stands between the classes of a row, where they are a text",
    },
    "Steps": {
        "length": "steps in a row after cutting and padding; null: the output's own, else those of the longest row",
        "padding": "where a row that is too short is filled, with steps that count nothing",
        "truncating": "where a row that is too long is cut",
    },
    "Target": {
        "column": "the column that holds the label",
        "columns": "several columns of labels, side by side",
        "one_hot": "class numbers to one-hot, as wide as the output",
        "classes": "the classes in their order, where sorting is not it",
        "multi_label": "several classes a row, such as red|round, or lists; true for the defaults",
        "sequence": "a class for each step, in lists that are cut and padded; true for the defaults",
        "array": "lists of numbers in one column, as many as the output gives",
        "normalize": "train on normalized numbers; predictions and metrics are in the column's own units",
        "missing": "what becomes of a row without this label: drop it (if left out), or mask it for this output alone",
        "weight": "the column of what each row counts for this output, in place of the one under data",
        "class_weights": "what rows of each class count, as in {no: 1, yes: 5}, or balanced; 1 where nothing is said",
        "balanced": "class weights by how often each class is there; class_weights: balanced is the same",
    },
    "Source": {
        "csv": "files of values between commas, with names in the first line: a name, a pattern, a folder, or a list; "
        "relative to the spec; packed where they end in .gz, .zst or .bz2",
        "tsv": "the same with values between tabs",
        "jsonl": "files with a JSON object a line, whose keys are the columns; named as csv",
        "parquet": "Parquet files; named as csv",
        "arrow": "Arrow or Feather files; named as csv",
        "text": "files of running text, whose windows are the rows; named as csv",
        "images": "a folder with a folder of images for each class: columns `image` and `label`; relative to the spec",
        "npz": "a NumPy archive, whose members are the columns; relative to the spec",
        "npy": "NumPy files as columns: name to file, relative to the spec",
        "python": "a function of one's own that yields rows, as module:function; runs only with --trust",
        "stride": "tokens from one window of a text to the next; null: 1",
        "separator": "what stands between two values, where it is neither comma nor tab",
        "decimal": "the decimal mark of numbers in a text file: a comma for 3,14; null: a point",
    },
    "Split": {
        "fraction": "the part of all rows of `train` that is held out, such as 0.1",
        "by": "which rows: by a seeded hash of the row's number; the last ones in order; the latest by a column; whole "
        "groups that have one value in a column; or the same share of every value of a column",
        "column": "the column that `time`, `group` and `stratified` go by",
        "format": "how the times in `column` are written, such as %d.%m.%Y; null: as in ISO 8601",
        "source": "a table of its own",
    },
    "Data": {
        "dataset": "a well-known dataset, which brings its own train and test rows",
        "train": "the rows to learn from: a file, or a mapping such as {csv: rows.txt, separator: ';'}",
        "validation": "the rows that are measured after every epoch: a part of train such as 0.1, or a file",
        "test": "the rows for `netspec evaluate`: a part of train such as 0.1, or a file",
        "weight": "the column of what each row counts in the losses: a number from 0",
        "features": "input name to the columns that it is made of",
        "targets": "output name to the column of its label",
        "augment": "input name to Keras's layers that change it at random, while training only",
        "on_error": "at an image that cannot be read: stop, or skip its row, which is counted and reported",
    },
    "Fit": {
        "epochs": "how often all training rows are gone through",
        "batch_size": "examples in one step of training",
        "seed": "of weights, dropout, order and split; null: drawn for the run, and kept in it",
        "shuffle": "a new order of the rows in every epoch",
        "drop_remainder": "leave out a last batch that is not full",
        "steps_per_execution": "batches that Keras runs at a time; null: chosen for speed",
        "jit": "compile the training step with XLA",
        "tensorboard": "write what each epoch logs into the run's tensorboard/ as well, for TensorBoard to read",
        "deterministic": "operations that repeat bit for bit; null: on a CPU, where they cost nothing",
        "eager": "run every operation by itself, which is slow, so that a mistake in a step is told of its layer",
        "weights": "a run whose weights the training begins with, step by step by their names",
        "checkpoint": "how often an unfinished run is kept, to go on from with --resume; null: once a minute",
        "by_length": "batches of rows of like length, without the padding that all have; null: where no layer sees it",
        "callbacks": "Keras callbacks by name, as in {EarlyStopping: {patience: 3}}",
    },
    "Weights": {
        "run": "its folder, relative to this file",
        "best": "its best weights instead of the last",
        "was": "a step's name here to its name in that run",
    },
    "Checkpoint": {
        "seconds": "so long after the last one",
        "steps": "so many steps after the last one",
    },
    "Budget": {
        "parameters": "the most weights, such as 5M",
        "flops": "the most operations for one example forward, such as 1G",
        "memory": "the most memory of weights and activations, such as 500MB",
        "batch_size": "examples in the batch that memory is counted for",
    },
}
# What a field takes, where its types do not say it.
EXPECTS = {
    "class_weights": "balanced, or a mapping from classes to numbers",
    "parameters": "a number above 0, such as 5M (k, M, G, T)",
    "flops": "a number above 0, such as 1G (k, M, G, T)",
    "memory": "bytes, such as 500MB or 1.5GiB",
}
FEATURE = "a column, a list of columns, or a mapping that says how they are prepared"
TARGET = "a column, a list of columns, or a mapping"
