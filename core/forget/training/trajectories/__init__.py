"""Trajectories: a teacher's completions, verified, of which the best become training data.

The way of the data: `asking` (what the teacher is asked) -> `obtaining` (it is asked) -> `store`
(what it has written, on disk) -> `keeping` (which of it is learned from) ->
`forget.training.examples` (the training data). `generate` goes that way; `report` counts along it.
"""
