"""Evaluation of networks: inference, metrics, statistics over seeds, and inspection."""

from digits.evaluation.prediction import predict
from digits.evaluation.runs import compare, evaluate, summarize

__all__ = ["compare", "evaluate", "predict", "summarize"]
