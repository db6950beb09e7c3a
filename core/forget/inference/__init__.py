"""What a model is asked to do: it is found, checked and loaded, then scores and writes text.

`models` finds a model by name and makes it a local folder; `weights` checks and digests such a
folder without torch; `loading` reads it into memory; `engine` says what an engine is asked and
answers; `generation` writes completions; `chat` renders prompts; `machine` says what it runs on.
"""
