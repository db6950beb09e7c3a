"""mini_openbookqa: sentences about everyday science, to be completed."""

from __future__ import annotations

from typing import Any

from forget_benchmarks.mini.build import (
    Doc,
    Table,
    as_test_split,
    draw_distractors,
    place_answers,
    seeded,
)

CHANGES: Table = (
    ("When an ice cube is left in the sun, it will", "melt"),
    ("When a pot of water is heated on a stove, the water will", "boil"),
    ("When an iron nail is left outside in the rain, the nail will", "rust"),
    ("When a glass cup is dropped on a hard floor, the cup will", "shatter"),
    ("When a heavy stone is put into a lake, the stone will", "sink"),
    ("When a piece of dry paper is held in a flame, the paper will", "burn"),
    ("When a seed is planted in wet soil, the seed will", "grow"),
    ("When water is left in a freezer, the water will", "turn into ice"),
    ("When sugar is stirred into hot tea, the sugar will", "dissolve"),
    ("When a piece of wood is put on a pond, the wood will", "float"),
    ("When a ball is thrown up into the air, the ball will", "fall back down"),
    ("When milk is kept for many days outside the refrigerator, the milk will", "spoil"),
    ("When a balloon touches a sharp needle, the balloon will", "pop"),
)

PURPOSES: Table = (
    ("A bird uses its wings to", "fly"),
    ("A fish uses its gills to", "breathe under water"),
    ("A plant uses its roots to", "take in water from the soil"),
    ("The leaves of a plant use sunlight to", "make sugar"),
    ("A bear has thick fur in order to", "stay warm"),
    ("A squirrel hides nuts in the fall in order to", "have food in the winter"),
    ("A dog pants on a hot day in order to", "cool down"),
    ("An octopus changes its color in order to", "look like the rocks around it"),
    ("A bee visits a flower in order to", "collect nectar"),
    ("A spider builds a web in order to", "catch insects"),
    ("A bird builds a nest in order to", "lay its eggs in a safe place"),
    ("A skunk sprays a bad smell in order to", "drive its enemies away"),
)

SOURCES: Table = (
    ("Honey is made by", "bees"),
    ("Most of the milk in a supermarket comes from", "cows"),
    ("Most of the eggs in a supermarket come from", "chickens"),
    ("The wool of a sweater comes from", "sheep"),
    ("The paper of a book is made from", "trees"),
    ("The flour of white bread is made from", "wheat"),
    ("Raisins are dried", "grapes"),
    ("Dark chocolate is made from", "cocoa beans"),
    ("The glass of a window is made from", "sand"),
    ("Gasoline is made from", "crude oil"),
    ("Cheese is made from", "milk"),
    ("Pearls come from", "oysters"),
    ("Ketchup is made from", "tomatoes"),
    ("French fries are made from", "potatoes"),
    ("Pickles are made from", "cucumbers"),
    ("Popcorn is made from", "corn"),
)

CAUSES: Table = (
    ("Day and night are caused by", "the rotation of the Earth"),
    ("The seasons are caused by", "the tilt of the Earth"),
    ("The tides of the ocean are caused mostly by", "the pull of the Moon"),
    ("A sunburn is caused by", "too much sunlight"),
    ("A shadow is caused by", "an object that blocks light"),
    ("Sounds are caused by", "vibrations"),
    ("The common cold is caused by", "a virus"),
    ("Mold on old bread is caused by", "a fungus"),
    ("Floods are often caused by", "heavy rain"),
    ("Earthquakes are caused by", "the movement of plates of rock"),
    ("Holes in teeth are caused by", "bacteria in the mouth"),
    ("The fall of an apple from a tree is caused by", "the pull of the Earth"),
)

NEEDS: Table = (
    ("A person who is thirsty should have", "a glass of water"),
    ("A person who is hungry should have", "a sandwich"),
    ("A person who is tired should have", "a good sleep"),
    ("A person with weak eyes should have", "a pair of glasses"),
    ("A person who wants to stay dry in the rain should have", "an umbrella"),
    ("A person who wants to see in a dark cellar should have", "a flashlight"),
    ("A person who wants to protect the head while cycling should have", "a helmet"),
    ("A person who wants to cross a lake should have", "a boat"),
    ("A person who wants to know which road leads to a town should have", "a map"),
    ("A person who wants to cut paper should have", "a pair of scissors"),
)

TABLES = (CHANGES, PURPOSES, SOURCES, CAUSES, NEEDS)


def items() -> list[Doc]:
    """Return the 100 items: four endings, distractors from the sentence's own table."""
    rng = seeded("mini_openbookqa")
    return place_answers(draw_distractors(TABLES, choices=4, rng=rng), rng)


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
