"""The network and its training; `recipes`, `augmentation`, `schedules` and `board` leave Keras unloaded."""

import os

# TensorFlow reads this when it loads, so it must be set before any module here imports Keras
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
