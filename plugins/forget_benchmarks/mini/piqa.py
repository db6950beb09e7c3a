"""mini_piqa: an everyday goal and two things that one could use to reach it."""

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

KITCHEN: Table = (
    ("How do you cut a loaf of bread into slices?", "Use a bread knife."),
    ("How do you eat a bowl of hot soup?", "Use a spoon."),
    ("How do you keep milk cold but liquid?", "Put it in the refrigerator."),
    ("How do you turn water into ice cubes?", "Put it in the freezer."),
    ("How do you bake a cake?", "Put the batter in a hot oven."),
    ("How do you make a slice of bread brown and crisp?", "Put it in a toaster."),
    ("How do you separate cooked pasta from its water?", "Pour it into a colander."),
    ("How do you open a bottle of wine?", "Use a corkscrew."),
    ("How do you make fruit into a smooth drink?", "Put it in a blender."),
    ("How do you take the skin off a potato?", "Use a peeler."),
    ("How do you turn a block of cheese into thin shreds?", "Use a grater."),
    ("How do you make a flat sheet of pie dough?", "Use a rolling pin."),
)

CLEANING: Table = (
    ("How do you suck the dust out of a carpet?", "Use a vacuum cleaner."),
    ("How do you wash greasy dishes?", "Use hot water and dish soap."),
    ("How do you clean your teeth?", "Use a toothbrush and toothpaste."),
    ("How do you wash your hair?", "Use shampoo."),
    ("How do you dry your body after a bath?", "Use a towel."),
    ("How do you sweep leaves off a porch?", "Use a broom."),
    ("How do you wash a basket full of dirty clothes?", "Use a washing machine."),
    ("How do you make a wrinkled shirt smooth?", "Use a hot iron."),
    ("How do you untangle long hair?", "Use a hairbrush."),
    ("How do you blow your nose?", "Use a tissue."),
    ("How do you wash a large floor without kneeling?", "Use a mop."),
)

REPAIRS: Table = (
    ("How do you drive a nail into a wall?", "Use a hammer."),
    ("How do you turn a screw?", "Use a screwdriver."),
    ("How do you cut a wooden board in half?", "Use a saw."),
    ("How do you make a round hole in a wall?", "Use a drill."),
    ("How do you make rough wood smooth?", "Use sandpaper."),
    ("How do you change the color of a wall?", "Use paint and a roller."),
    ("How do you reach a high roof?", "Climb a ladder."),
    ("How do you put two pieces of broken pottery together?", "Use strong glue."),
    ("How do you put air into a flat bicycle tire?", "Use a pump."),
    ("How do you measure the length of a table?", "Use a tape measure."),
    ("How do you sew a button onto a shirt?", "Use a needle and thread."),
    ("How do you loosen a tight bolt?", "Use a wrench."),
)

OUTDOORS: Table = (
    ("How do you dig a hole in the garden?", "Use a shovel."),
    ("How do you water flowers in a garden?", "Use a watering can."),
    ("How do you cut the grass of a lawn?", "Use a lawn mower."),
    ("How do you see in a dark forest at night?", "Use a flashlight."),
    ("How do you stay dry while walking in the rain?", "Hold an umbrella."),
    ("How do you protect your skin from the sun while swimming?", "Put on sunscreen."),
    ("How do you keep your hands warm in the snow?", "Put on gloves."),
    ("How do you catch a fish in a lake?", "Use a rod with a hook and bait."),
    ("How do you light a campfire?", "Use a match."),
    ("How do you find your way in an unknown city?", "Look at a map."),
    ("How do you see birds that are far away?", "Use binoculars."),
    ("How do you sleep outside on a camping trip?", "Put up a tent."),
)

OFFICE: Table = (
    ("How do you remove a pencil mark from paper?", "Use an eraser."),
    ("How do you cut a picture out of a magazine?", "Use scissors."),
    ("How do you hold ten sheets of paper together?", "Use a stapler."),
    ("How do you draw a straight line?", "Use a ruler."),
    ("How do you wake up at six in the morning?", "Set an alarm clock."),
    ("How do you add up many large numbers?", "Use a calculator."),
    ("How do you send a letter to a friend?", "Put a stamp on the envelope and mail it."),
    ("How do you listen to music on a quiet train?", "Put on headphones."),
    ("How do you make the tip of a pencil sharp?", "Use a pencil sharpener."),
    ("How do you talk to a friend in another city?", "Make a telephone call."),
)

TABLES = (KITCHEN, CLEANING, REPAIRS, OUTDOORS, OFFICE)


def items() -> list[Doc]:
    """Return the 100 items: the solution, and the solution of another goal from its table."""
    rng = seeded("mini_piqa")
    return place_answers(draw_distractors(TABLES, choices=2, rng=rng), rng)


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
