"""Convert a Keras file or the SavedModel folder around a `saved_model.pb`: python tensorflow_lite.py MODEL OUT."""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

model, out = map(Path, sys.argv[1:])
if model.suffix == ".pb":
    converter = tf.lite.TFLiteConverter.from_saved_model(str(model.parent))
else:
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(model, compile=False))
out.write_bytes(converter.convert())
