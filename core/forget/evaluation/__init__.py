"""Scores of models on benchmarks and on the trained task, item by item, each computed once.

`harness` is the only place that knows lm-eval: it builds tasks and computes their metrics; `exam`
is what there is to score (a benchmark, or a dataset's held-out split); `sweep` has the models
answer; `items` keeps what they answered; `stock` is lm-eval's own model as an engine.
"""
