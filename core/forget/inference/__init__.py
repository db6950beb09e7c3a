"""What a model is asked to do: it is found, checked and loaded, then scores and writes text.

`models` finds a model by name and makes it a local folder; `weights` checks and digests such a
folder without torch; `loading` reads it into memory; `chat` renders prompts; `machine` and `memory`
say what it runs on.

`engine` is what evaluation asks of whatever runs models. `builtin` is our answer to it: `tokens`
and `writing` make requests ready, `batching` plans them, `forest`, `forest_attention` and `scoring`
compute log-likelihoods, `decoding`, `column_attention` and `sampling` write texts, `support` says
which models can be run, `swapping` and `packing` bring in the next checkpoint's weights.
`vllm_engine` writes texts with vLLM; `generation` by transformers' own loop.
"""
