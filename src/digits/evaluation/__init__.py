"""How good a network is, and what it does inside: inference, metrics, claims over seeds."""

from digits.evaluation.prediction import predict
from digits.evaluation.runs import compare, evaluate, summarize

__all__ = ["compare", "evaluate", "predict", "summarize"]
