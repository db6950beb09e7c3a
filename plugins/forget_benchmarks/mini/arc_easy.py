"""mini_arc_easy: elementary science, one fact a question."""

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

BODY: Table = (
    ("Which organ pumps blood through the body?", "the heart"),
    ("Which organ controls thinking and memory?", "the brain"),
    ("Which organs pass oxygen from the air into the blood?", "the lungs"),
    ("Which organ breaks down food after it is swallowed?", "the stomach"),
    ("Which organ covers and protects the outside of the body?", "the skin"),
    ("Which parts of the body form the skeleton?", "the bones"),
    ("Which organs sense light?", "the eyes"),
    ("Which organs sense sound?", "the ears"),
    ("Which hard parts of the mouth bite and grind food?", "the teeth"),
    ("Which part of the body is covered with taste buds?", "the tongue"),
    ("Which part of the body senses smells?", "the nose"),
    ("Which organs filter the blood and make urine?", "the kidneys"),
    ("Which parts of the body pull on bones to move them?", "the muscles"),
)

ANIMALS: Table = (
    ("Which animal makes honey?", "a bee"),
    ("Which animal spins a web to catch insects?", "a spider"),
    ("Which animal carries its baby in a pouch?", "a kangaroo"),
    ("Which animal has black and white stripes?", "a zebra"),
    ("Which animal has a long trunk?", "an elephant"),
    ("Which animal builds dams in rivers?", "a beaver"),
    ("Which animal begins its life as a caterpillar?", "a butterfly"),
    ("Which animal begins its life as a tadpole?", "a frog"),
    ("Which animal has fins, gills and scales?", "a fish"),
    ("Which animal has the longest neck?", "a giraffe"),
    ("Which animal eats mostly bamboo?", "a panda"),
    ("Which animal is a bird that hunts at night?", "an owl"),
    ("Which animal has eight arms and lives in the ocean?", "an octopus"),
    ("Which animal stores fat in a hump?", "a camel"),
    ("Which animal has a hard shell and lays eggs on beaches?", "a turtle"),
    ("Which animal gives most of the milk that people drink?", "a cow"),
    ("Which animal is a mammal that can fly?", "a bat"),
    ("Which animal is a bird that swims but cannot fly?", "a penguin"),
)

MATERIALS: Table = (
    ("What is frozen water called?", "ice"),
    ("What is water in the form of a gas called?", "water vapor"),
    ("What is melted rock that flows out of a volcano called?", "lava"),
    ("Which gas do people need to breathe in to stay alive?", "oxygen"),
    ("Which gas do plants take from the air to make food?", "carbon dioxide"),
    ("Which material is attracted to a magnet?", "iron"),
    ("Which clear material are windows made of?", "glass"),
    ("Which material from trees is used to make paper?", "wood"),
    ("Which white solid is left when sea water dries up?", "salt"),
    ("Which black rock is burned as a fuel?", "coal"),
    ("Which light gas makes party balloons float?", "helium"),
    ("Which soft fiber comes from a plant and is made into shirts?", "cotton"),
)

SKY_AND_EARTH: Table = (
    ("Which star is closest to the Earth?", "the Sun"),
    ("Which object goes around the Earth about once a month?", "the Moon"),
    ("Which planet is known as the red planet?", "Mars"),
    ("Which planet is the largest in our solar system?", "Jupiter"),
    ("Which planet is famous for its bright rings?", "Saturn"),
    ("Which planet is closest to the Sun?", "Mercury"),
    ("What is a sudden shaking of the ground called?", "an earthquake"),
    ("What is a mountain that lets out melted rock called?", "a volcano"),
    ("What is a spinning column of air that reaches the ground called?", "a tornado"),
    ("What is a long time without rain called?", "a drought"),
    ("What is it called when a river covers land that is usually dry?", "a flood"),
    ("What appears when sunlight shines through drops of rain?", "a rainbow"),
    ("What is a bright flash of electricity in a storm called?", "lightning"),
    ("What is the loud sound that follows a flash in a storm called?", "thunder"),
)

INSTRUMENTS: Table = (
    ("Which tool is used to measure temperature?", "a thermometer"),
    ("Which tool is used to see very small cells?", "a microscope"),
    ("Which tool is used to look at distant stars?", "a telescope"),
    ("Which tool is used to measure the length of a pencil?", "a ruler"),
    ("Which tool is used to find north?", "a compass"),
    ("Which tool is used to measure the weight of an apple?", "a scale"),
    ("Which tool is used to tell the time?", "a clock"),
    ("Which tool is used to measure air pressure?", "a barometer"),
    ("Which tool is used to split white light into colors?", "a prism"),
    ("Which machine turns wind into electricity?", "a wind turbine"),
    ("Which device turns sunlight into electricity?", "a solar panel"),
    ("Which part of a flashlight stores energy?", "a battery"),
)

PLANTS: Table = (
    ("Which part of a plant takes in water from the soil?", "the roots"),
    ("Which part of a plant makes most of its food?", "the leaves"),
    ("Which part of a plant carries water from the roots to the leaves?", "the stem"),
    ("Which part of a plant attracts bees?", "the flowers"),
    ("Which part of a plant is carried away by birds to grow elsewhere?", "the seeds"),
    ("Which part of a tree covers and protects its trunk?", "the bark"),
)

TABLES = (BODY, ANIMALS, MATERIALS, SKY_AND_EARTH, INSTRUMENTS, PLANTS)


def items() -> list[Doc]:
    """Return the 100 items: four choices, distractors from the fact's own table."""
    rng = seeded("mini_arc_easy")
    return place_answers(draw_distractors(TABLES, choices=4, rng=rng), rng)


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
