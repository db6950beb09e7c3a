"""The benchmarks that ship with forget: the study's ten, and ten small generated ones."""

FORGET_API_VERSION = "1.0"
