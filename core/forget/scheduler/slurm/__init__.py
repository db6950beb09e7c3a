"""A study on a Slurm cluster: jobs that see to it that everything asked for is done.

Nothing runs on a login node. `advance` looks at the disk and at the queue, writes down what has
ended, and submits what is ready and fits the budget; every job calls it, and a small job of its
own, the caretaker, waits in the queue for another one to end.
"""
