"""mini_arc_challenge: science that asks to classify an example or to name a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from forget_benchmarks.mini.build import (
    ITEMS,
    Doc,
    Question,
    Table,
    as_test_split,
    draw_distractors,
    place_answers,
    seeded,
    take_distinct,
)

Family = Mapping[str, tuple[str, ...]]
"""Classes that exclude each other: the question that asks for one, and its members."""

ANIMALS: Family = {
    "Which of these animals is a mammal?": ("a whale", "a bat", "a horse", "a dog", "a rabbit"),
    "Which of these animals is a bird?": ("an eagle", "a penguin", "a duck", "an owl", "a parrot"),
    "Which of these animals is a reptile?": ("a snake", "a lizard", "a turtle", "a crocodile"),
    "Which of these animals is an insect?": (
        "an ant",
        "a beetle",
        "a butterfly",
        "a mosquito",
        "a bee",
    ),
    "Which of these animals is a fish?": ("a shark", "a salmon", "a tuna", "a trout", "a goldfish"),
}

MATTER: Family = {
    "Which of these materials is a metal?": ("iron", "copper", "gold", "silver", "zinc"),
    "Which of these is a gas at room temperature?": (
        "oxygen",
        "helium",
        "nitrogen",
        "hydrogen",
        "neon",
    ),
    "Which of these is a liquid at room temperature?": ("milk", "water", "vinegar", "alcohol"),
    "Which of these materials is a kind of rock?": ("granite", "marble", "limestone", "slate"),
}

ENERGY: Family = {
    "Which of these is a renewable source of energy?": ("wind", "sunlight", "flowing water"),
    "Which of these is a fossil fuel?": ("coal", "oil", "natural gas"),
}

SPACE: Family = {
    "Which of these is a planet?": ("Mars", "Venus", "Jupiter", "Saturn", "Neptune"),
    "Which of these is a star?": ("the Sun", "Sirius", "the North Star", "Betelgeuse"),
    "Which of these is a continent on Earth?": ("Africa", "Asia", "Europe", "South America"),
}

PROCESSES: Table = (
    ("By which process do plants make food from sunlight?", "photosynthesis"),
    ("By which process does a liquid become a gas?", "evaporation"),
    ("By which process does a gas become a liquid?", "condensation"),
    ("By which process does water fall from clouds as rain or snow?", "precipitation"),
    ("By which process does the body break down food?", "digestion"),
    ("By which process do wind and water carry soil away?", "erosion"),
    ("By which process do some animals sleep through the winter?", "hibernation"),
    ("By which process do many birds travel south for the winter?", "migration"),
    ("By which process do bees help flowers to make seeds?", "pollination"),
    ("By which process does a caterpillar become a butterfly?", "metamorphosis"),
)

ROLES: Table = (
    ("What is an animal that eats only plants called?", "a herbivore"),
    ("What is an animal that eats only meat called?", "a carnivore"),
    ("What is an animal that eats both plants and meat called?", "an omnivore"),
    ("What is a living thing that makes its own food called?", "a producer"),
    ("What is a living thing that breaks down dead matter called?", "a decomposer"),
    ("What is a living thing that lives on a host and harms it called?", "a parasite"),
    ("What is a trace of ancient life in a rock called?", "a fossil"),
    ("What is the place where an animal lives called?", "a habitat"),
)

FORCES: Table = (
    ("Which force pulls a dropped ball to the ground?", "gravity"),
    ("Which force slows a sled that slides over rough ground?", "friction"),
    ("Which force holds a steel paper clip to a refrigerator magnet?", "magnetism"),
    ("What flows through a copper wire and lights a lamp?", "electricity"),
    ("What does a lens focus to form an image?", "light"),
    ("What is made by the vibrating strings of a guitar?", "sound"),
    ("What flows from a hot stove into a cold pan?", "heat"),
)


def items() -> list[Doc]:
    """Return the 100 items: four choices, distractors of the same family or table."""
    rng = seeded("mini_arc_challenge")
    named = draw_distractors((PROCESSES, ROLES, FORCES), choices=4, rng=rng, count=40)
    classified = take_distinct(
        _classify((ANIMALS, MATTER, ENERGY, SPACE), rng), count=ITEMS - len(named)
    )
    return place_answers([*named, *classified], rng)


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())


def _classify(families: tuple[Family, ...], rng: Random) -> Iterator[Question]:
    """Ask for each member of each class, among members of the other classes of its family."""
    members = [
        (family, text, member) for family in families for text in family for member in family[text]
    ]
    for family, text, member in rng.sample(members, len(members)):
        outside = [other for cls in family if cls != text for other in family[cls]]
        yield Question(text, member, tuple(rng.sample(outside, 3)))
