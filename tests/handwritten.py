"""Every shipped spec as an expert writes it by hand in plain Keras 3: the yardstick of the builder.

`MODELS` maps a spec's name to a function that builds its uncompiled model, layers in the guide's order;
`TABLE` maps it to the parameter count that is expected of it.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import Input, Model, layers


def mlp_softmax() -> Model:
    """Vectors of 20 numbers to 10 classes."""
    vector = Input((20,), name="vector")
    x = layers.Dense(64, activation="relu")(vector)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(vector, layers.Dense(10, activation="softmax")(x))


def mlp_binary() -> Model:
    """Vectors of 20 numbers to one yes or no."""
    vector = Input((20,), name="vector")
    x = layers.Dense(64, activation="relu")(vector)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(vector, layers.Dense(1, activation="sigmoid")(x))


def vgg(size: int = 100) -> Model:
    """Colour images to 10 classes by pairs of convolutions."""
    image = Input((size, size, 3), name="image")
    x = layers.Conv2D(32, 3, activation="relu")(image)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(image, layers.Dense(10, activation="softmax")(x))


def lstm_classifier(max_features: int = 20000) -> Model:
    """Word numbers of any length to one yes or no."""
    words = Input((None,), dtype="int32", name="words")
    x = layers.Embedding(max_features, 256)(words)
    x = layers.LSTM(128)(x)
    x = layers.Dropout(0.5)(x)
    return Model(words, layers.Dense(1, activation="sigmoid")(x))


def conv1d_classifier(length: int = 64) -> Model:
    """Sequences of vectors to one yes or no by convolutions over time."""
    sequence = Input((length, 100), name="sequence")
    x = layers.Conv1D(64, 3, activation="relu")(sequence)
    x = layers.Conv1D(64, 3, activation="relu")(x)
    x = layers.MaxPooling1D(3)(x)
    x = layers.Conv1D(128, 3, activation="relu")(x)
    x = layers.Conv1D(128, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(0.5)(x)
    return Model(sequence, layers.Dense(1, activation="sigmoid")(x))


def dense_functional() -> Model:
    """Flat images of 784 pixels to 10 classes."""
    pixels = Input((784,), name="pixels")
    x = layers.Dense(64, activation="relu")(pixels)
    x = layers.Dense(64, activation="relu")(x)
    return Model(pixels, layers.Dense(10, activation="softmax")(x))


def video_frames(steps: int = 20) -> Model:
    """The model of `dense_functional` on each frame of a video."""
    classifier = dense_functional()
    video = Input((steps, 784), name="video")
    return Model(video, layers.TimeDistributed(classifier)(video))


def twitter() -> Model:
    """Word numbers and five facts to one answer, and an early answer from the words alone."""
    main_input = Input((100,), dtype="int32", name="main_input")
    x = layers.Embedding(10000, 512)(main_input)
    lstm = layers.LSTM(32, name="lstm")(x)
    aux_output = layers.Dense(1, activation="sigmoid", name="aux_output")(lstm)
    aux_input = Input((5,), name="aux_input")
    x = layers.Concatenate()([lstm, aux_input])
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dense(64, activation="relu")(x)
    main_output = layers.Dense(1, activation="sigmoid", name="main_output")(x)
    return Model([main_input, aux_input], {"main_output": main_output, "aux_output": aux_output})


def tweet_pair() -> Model:
    """Two tweets through one LSTM: are they by the same person?"""
    tweet_a = Input((140, 256), name="tweet_a")
    tweet_b = Input((140, 256), name="tweet_b")
    encoder = layers.LSTM(64, name="encoder")
    encoded_a = encoder(tweet_a)
    encoded_b = encoder(tweet_b)
    x = layers.Concatenate()([encoded_a, encoded_b])
    return Model([tweet_a, tweet_b], layers.Dense(1, activation="sigmoid")(x))


def conv_two_sizes() -> Model:
    """One convolution called on images of two sizes."""
    a = Input((32, 32, 3), name="a")
    b = Input((64, 64, 3), name="b")
    conv = layers.Conv2D(16, 3, padding="same", name="conv")
    return Model([a, b], {"conved_a": conv(a), "conved_b": conv(b)})


def inception(size: int = 256) -> Model:
    """Three towers over one image, joined along the rows."""
    image = Input((size, size, 3), name="image")
    tower_1 = layers.Conv2D(64, 1, padding="same", activation="relu")(image)
    tower_1 = layers.Conv2D(64, 3, padding="same", activation="relu", name="tower_1")(tower_1)
    tower_2 = layers.Conv2D(64, 1, padding="same", activation="relu")(image)
    tower_2 = layers.Conv2D(64, 5, padding="same", activation="relu", name="tower_2")(tower_2)
    tower_3 = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    tower_3 = layers.Conv2D(64, 1, padding="same", activation="relu", name="tower_3")(tower_3)
    return Model(image, layers.Concatenate(axis=1)([tower_1, tower_2, tower_3]))


def residual(size: int = 256) -> Model:
    """An image plus a convolution of itself."""
    x = Input((size, size, 3), name="x")
    y = layers.Conv2D(3, 3, padding="same", name="y")(x)
    return Model(x, layers.Add()([x, y]))


def digit_pair() -> Model:
    """Two digits through one vision model: are they the same?"""
    digit = Input((27, 27, 1), name="digit")
    x = layers.Conv2D(64, 3)(digit)
    x = layers.Conv2D(64, 3)(x)
    x = layers.MaxPooling2D(2)(x)
    vision = Model(digit, layers.Flatten()(x), name="vision")
    digit_a = Input((27, 27, 1), name="digit_a")
    digit_b = Input((27, 27, 1), name="digit_b")
    seen_a = vision(digit_a)
    seen_b = vision(digit_b)
    x = layers.Concatenate()([seen_a, seen_b])
    return Model([digit_a, digit_b], layers.Dense(1, activation="sigmoid")(x))


def _vision(size: int) -> Model:
    frame = Input((size, size, 3), name="frame")
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(frame)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(128, 3, activation="relu", padding="same")(x)
    x = layers.Conv2D(128, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(256, 3, activation="relu", padding="same")(x)
    x = layers.Conv2D(256, 3, activation="relu")(x)
    x = layers.Conv2D(256, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    return Model(frame, layers.Flatten()(x), name="vision")


def vqa(size: int = 224) -> Model:
    """An image and a question about it to an answer of one word."""
    vision = _vision(size)
    image = Input((size, size, 3), name="image")
    encoded_image = vision(image)
    question = Input((100,), dtype="int32", name="question")
    x = layers.Embedding(10000, 256)(question)
    encoded_question = layers.LSTM(256, name="encoded_question")(x)
    x = layers.Concatenate()([encoded_question, encoded_image])
    return Model([image, question], layers.Dense(1000, activation="softmax")(x))


def video_qa(frames: int = 100, size: int = 224) -> Model:
    """A video and a question about it to an answer of one word."""
    vision = _vision(size)
    words = Input((100,), dtype="int32", name="words")
    x = layers.Embedding(10000, 256)(words)
    question_encoder = Model(words, layers.LSTM(256)(x), name="question_encoder")
    video = Input((frames, size, size, 3), name="video")
    x = layers.TimeDistributed(vision)(video)
    encoded_video = layers.LSTM(256, name="encoded_video")(x)
    question = Input((100,), dtype="int32", name="question")
    encoded_question = question_encoder(question)
    x = layers.Concatenate()([encoded_video, encoded_question])
    return Model([video, question], layers.Dense(1000, activation="softmax")(x))


def stateful_lstm() -> Model:
    """Three LSTMs that carry their state from batch to batch."""
    window = Input((6, 8), batch_size=32, name="window")
    x = layers.LSTM(32, return_sequences=True, stateful=True)(window)
    x = layers.LSTM(32, return_sequences=True, stateful=True)(x)
    x = layers.LSTM(32, stateful=True)(x)
    return Model(window, layers.Dense(10, activation="softmax")(x))


def cifar10_cnn() -> Model:
    """Small photographs to 10 classes."""
    image = Input((32, 32, 3), name="image")
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(image, layers.Dense(10, activation="softmax", name="kind")(x))


def imdb_lstm() -> Model:
    """Film reviews, as word numbers, to praise or blame."""
    words = Input((80,), dtype="int32", name="words")
    x = layers.Embedding(20000, 128)(words)
    x = layers.LSTM(128, dropout=0.2, recurrent_dropout=0.2)(x)
    return Model(words, layers.Dense(1, activation="sigmoid", name="praise")(x))


def reuters_mlp() -> Model:
    """Newswires, as a bag of 1,000 words, to 46 topics."""
    bag = Input((1000,), name="bag")
    x = layers.Dense(512, activation="relu")(bag)
    x = layers.Dropout(0.5)(x)
    return Model(bag, layers.Dense(46, activation="softmax", name="topic")(x))


def mnist_mlp() -> Model:
    """Handwritten digits, as 784 pixels, to 10 classes."""
    image = Input((784,), name="image")
    x = layers.Dense(512, activation="relu")(image)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    return Model(image, layers.Dense(10, activation="softmax", name="digit")(x))


def mnist_cnn() -> Model:
    """Handwritten digits to 10 classes by two convolutions."""
    image = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, activation="relu")(image)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(image, layers.Dense(10, activation="softmax", name="digit")(x))


def digits_cnn() -> Model:
    """Handwritten digits of 8 by 8 pixels to 10 classes."""
    image = Input((8, 8, 1), name="image")
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return Model(image, layers.Dense(10, activation="softmax", name="digit")(x))


def char_lstm() -> Model:
    """A text, letter by letter: after each of 60 letters, which comes next?"""
    letters = Input((60,), dtype="int32", name="letters")
    x = layers.Embedding(64, 32)(letters)
    x = layers.LSTM(128, return_sequences=True)(x)
    return Model(letters, layers.Dense(64, activation="softmax", name="next_letters")(x))


MODELS: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (
        mlp_softmax, mlp_binary, vgg, lstm_classifier, conv1d_classifier, dense_functional, video_frames, twitter,
        tweet_pair, conv_two_sizes, inception, residual, digit_pair, vqa, video_qa, stateful_lstm, cifar10_cnn,
        imdb_lstm, reuters_mlp, mnist_mlp, mnist_cnn, digits_cnn, char_lstm,
    )
}  # fmt: skip

TABLE: dict[str, int] = {
    "mlp_softmax": 6_154,
    "mlp_binary": 5_569,
    "vgg": 7_998_250,
    "lstm_classifier": 5_317_249,
    "conv1d_classifier": 105_729,
    "dense_functional": 55_050,
    "video_frames": 55_050,
    "twitter": 5_200_610,
    "tweet_pair": 82_305,
    "conv_two_sizes": 448,
    "inception": 140_160,
    "residual": 84,
    "digit_pair": 53_057,
    "vqa": 165_077_800,
    "video_qa": 169_436_968,
    "stateful_lstm": 22_218,
    "cifar10_cnn": 1_250_858,
    "imdb_lstm": 2_691_713,
    "reuters_mlp": 536_110,
    "mnist_mlp": 669_706,
    "mnist_cnn": 1_199_882,
    "digits_cnn": 151_690,
    "char_lstm": 92_736,
}
