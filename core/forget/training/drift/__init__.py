"""How far a training has gone from its base: in what the model says, and in its weights.

At every checkpoint of every method, with p the base model and q the model in training:

    KL(p || q) = E_{y ~ p} [ sum_t KL(p(. | x, y_<t) || q(. | x, y_<t)) ]

for prompts x of the run's own data: the expectation is the base's, which also wrote the completions
y. Each term of the sum is exact over the vocabulary, not sampled from it: the Rao-Blackwellised
estimator of Amini et al. 2025 (arXiv:2504.10637). Shenfeld et al. 2025 (RL's Razor,
arXiv:2509.04259) find that this number, on the new task's prompts, predicts forgetting across
methods. Beside it stand the share of weights that are as they were (Mukherjee et al. 2025,
arXiv:2505.11711) and how far the others moved.

    <run>/drift/        prompts, the base's completions and its states: made once, before training
    <run>/drift.jsonl   a line for each checkpoint

`divergence` is the arithmetic, `readout` turns a model's states into logits, `weights` compares
weights, `probe` makes and reads what is measured on, `meter` measures. No second model stays in
memory: the base's states are kept, its output matrix is read from its file block by block.
"""
